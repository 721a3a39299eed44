// What Noise needs of libsodium, under names of its own.
//
// The Swift importer parses this for a bare-metal target, for which libsodium's own headers are not
// made: only fixed-width types stand here. Keys, digests and secrets are 32 bytes. Nothing fails
// but where a function says so.
#ifndef WATCHPOST_CSODIUM_H
#define WATCHPOST_CSODIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

enum { CS_KEY_SIZE = 32, CS_TAG_SIZE = 16 };

/// Chooses the routines for this processor; again is harmless. It waits until the kernel's random
/// numbers are seeded (getrandom(2)). False: libsodium cannot be used.
bool cs_begin(void);

/// The public key that belongs to a private one (RFC 7748, 6.1).
void cs_x25519_public(uint8_t *public_key, const uint8_t *private_key);

/// The secret that both sides get of one private and one public key each. False: the public key is
/// a point of small order; the secret would be zero, whatever the private key, and is.
bool cs_x25519_shared(
    uint8_t *secret, const uint8_t *private_key, const uint8_t *public_key);

/// ChaCha20-Poly1305 (RFC 8439, 2.8) in place. The nonce is 32 zero bits and `counter`,
/// little-endian (Noise 12.3). The tag may stand right behind the bytes.
void cs_seal(
    uint8_t *bytes, size_t count, uint8_t *tag, const uint8_t *_Nullable associated,
    size_t associated_count, uint64_t counter, const uint8_t *key);

/// The reverse. False: the tag is another one, and the bytes are zeros now.
bool cs_open(
    uint8_t *bytes, size_t count, const uint8_t *tag, const uint8_t *_Nullable associated,
    size_t associated_count, uint64_t counter, const uint8_t *key);

/// SHA-256 of two pieces, one behind the other. The digest may replace one of them.
void cs_sha256(
    uint8_t *digest, const uint8_t *_Nullable first, size_t first_count,
    const uint8_t *_Nullable second, size_t second_count);

/// HMAC-SHA-256 (RFC 2104) of two pieces. The code may replace the key or one of them.
void cs_hmac_sha256(
    uint8_t *code, const uint8_t *key, const uint8_t *_Nullable first, size_t first_count,
    const uint8_t *_Nullable second, size_t second_count);

/// Zeros that no optimiser takes for useless.
void cs_wipe(void *bytes, size_t count);

/// Random bytes for keys, from the kernel (getrandom(2)). Hosts only: the device's come through its
/// operating system, so that a test can give its own.
void cs_random(void *bytes, size_t count);

/// Compares in a time that depends on `count` alone.
bool cs_equal(const void *one, const void *other, size_t count);

#pragma clang assume_nonnull end

#endif
