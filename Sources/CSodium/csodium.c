#include "include/csodium.h"

#include <sodium.h>

_Static_assert(crypto_scalarmult_curve25519_BYTES == CS_KEY_SIZE, "X25519");
_Static_assert(crypto_scalarmult_curve25519_SCALARBYTES == CS_KEY_SIZE, "X25519");
_Static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == CS_KEY_SIZE, "ChaCha20");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == CS_TAG_SIZE, "Poly1305");
_Static_assert(crypto_hash_sha256_BYTES == CS_KEY_SIZE, "SHA-256");
_Static_assert(crypto_auth_hmacsha256_BYTES == CS_KEY_SIZE, "HMAC-SHA-256");

enum { NONCE_SIZE = crypto_aead_chacha20poly1305_ietf_NPUBBYTES, ZEROS = 4 };
_Static_assert(NONCE_SIZE == ZEROS + 8, "a nonce is zeros and a counter");

bool cs_begin(void) { return sodium_init() >= 0; }

void cs_x25519_public(uint8_t *public_key, const uint8_t *private_key) {
  // It fails for no private key: the base point has no small order.
  (void)crypto_scalarmult_curve25519_base(public_key, private_key);
}

bool cs_x25519_shared(
    uint8_t *secret, const uint8_t *private_key, const uint8_t *public_key) {
  // It looks at the point before and at the secret after, and says -1 for either.
  if (crypto_scalarmult_curve25519(secret, private_key, public_key) == 0) return true;
  sodium_memzero(secret, CS_KEY_SIZE);
  return false;
}

static void set_nonce(uint8_t *nonce, uint64_t counter) {
  for (int index = 0; index < ZEROS; index++) nonce[index] = 0;
  for (int index = 0; index < 8; index++) nonce[ZEROS + index] = (uint8_t)(counter >> (8 * index));
}

void cs_seal(
    uint8_t *bytes, size_t count, uint8_t *tag, const uint8_t *associated, size_t associated_count,
    uint64_t counter, const uint8_t *key) {
  uint8_t nonce[NONCE_SIZE];
  set_nonce(nonce, counter);
  (void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(
      bytes, tag, NULL, bytes, count, associated, associated_count, NULL, nonce, key);
}

bool cs_open(
    uint8_t *bytes, size_t count, const uint8_t *tag, const uint8_t *associated,
    size_t associated_count, uint64_t counter, const uint8_t *key) {
  uint8_t nonce[NONCE_SIZE];
  set_nonce(nonce, counter);
  return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
             bytes, NULL, bytes, count, tag, associated, associated_count, nonce, key) == 0;
}

void cs_sha256(
    uint8_t *digest, const uint8_t *first, size_t first_count, const uint8_t *second,
    size_t second_count) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  if (first_count > 0) crypto_hash_sha256_update(&state, first, first_count);
  if (second_count > 0) crypto_hash_sha256_update(&state, second, second_count);
  crypto_hash_sha256_final(&state, digest);
  sodium_memzero(&state, sizeof state);
}

void cs_hmac_sha256(
    uint8_t *code, const uint8_t *key, const uint8_t *first, size_t first_count,
    const uint8_t *second, size_t second_count) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key, CS_KEY_SIZE);
  if (first_count > 0) crypto_auth_hmacsha256_update(&state, first, first_count);
  if (second_count > 0) crypto_auth_hmacsha256_update(&state, second, second_count);
  crypto_auth_hmacsha256_final(&state, code);
  sodium_memzero(&state, sizeof state);
}

void cs_random(void *bytes, size_t count) { randombytes_buf(bytes, count); }

void cs_wipe(void *bytes, size_t count) { sodium_memzero(bytes, count); }

bool cs_equal(const void *one, const void *other, size_t count) {
  return sodium_memcmp(one, other, count) == 0;
}
