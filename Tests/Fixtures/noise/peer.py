"""One end of a sealed connection, on standard input and output.

usage: peer.py client|device PRIVATE-KEY DEVICE-KEY PSK PROLOGUE FRAMES

Handshake messages go with their size in front, two bytes, little-endian. Then the client sends
three frames and expects each back, and then FRAMES at once and expects them back. The device sends
everything back. Whatever is not as expected ends the program with a traceback.
"""

import signal
import struct
import sys

from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.public import PublicKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.hash.sha256 import SHA256Hash
from dissononce.processing.handshakepatterns.interactive.IK import IKHandshakePattern
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

FRAMES_PER_KEY = 1 << 16
LARGEST = 16336


def read(count):
    data = sys.stdin.buffer.read(count)
    assert len(data) == count, f"the other end is gone: {len(data)} of {count} bytes"
    return data


def write(data):
    sys.stdout.buffer.write(data)


class Direction:
    """A cipher state and its rekeys. dissononce's own `rekey` keeps the 16 bytes of the tag in the
    key and begins the nonces anew; Noise 4.2 cuts them off and 11.3 lets the nonces go on."""

    def __init__(self, state):
        self.state = state
        self.frames = 0

    def count(self):
        self.frames += 1
        if self.frames % FRAMES_PER_KEY == 0:
            key = self.state.cipher.rekey(self.state._key)[:32]
            self.state.initialize_key(key)
            self.state.set_nonce(self.frames)

    def send(self, number, payload):
        """A ping: the first 24 bytes of a plain header, and the payload."""
        header = struct.pack("<4sBBHIHHII", b"WPOS", 1, 0, 1, number, 0, 0, len(payload), 0)
        prefix = struct.pack("<4sHH", b"WPSE", len(header) + len(payload) + 16, 0)
        write(prefix + self.state.encrypt_with_ad(prefix, header + payload))
        self.count()

    def receive(self):
        prefix = read(8)
        magic, length, reserved = struct.unpack("<4sHH", prefix)
        assert magic == b"WPSE" and reserved == 0, prefix
        plain = self.state.decrypt_with_ad(prefix, read(length))
        self.count()
        magic, version, flags, kind, number, status, zero, size, zeros = struct.unpack(
            "<4sBBHIHHII", plain[:24])
        assert (magic, version, flags, kind) == (b"WPOS", 1, 0, 1), plain[:24]
        assert (status, zero, zeros) == (0, 0, 0) and size == len(plain) - 24, plain[:24]
        return number, plain[24:]


def handshake(role, private, device, psk, prologue):
    """Returns the directions to send and to receive, and the other end's payload."""
    dh = X25519DH()
    key = dh.generate_keypair(PrivateKey(private))
    state = HandshakeState(
        SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()), X25519DH())
    pattern = PSKPatternModifier(2).modify(IKHandshakePattern())
    given = bytearray()
    if role == "client":
        state.initialize(pattern, True, prologue, s=key, rs=PublicKey(device), psks=[psk])
        message = bytearray()
        state.write_message(b"an independent client", message)
        write(struct.pack("<H", len(message)) + message)
        sys.stdout.flush()
        pair = state.read_message(read(struct.unpack("<H", read(2))[0]), given)
        return Direction(pair[0]), Direction(pair[1]), bytes(given)
    state.initialize(pattern, False, prologue, s=key, psks=[psk])
    state.read_message(read(struct.unpack("<H", read(2))[0]), given)
    message = bytearray()
    pair = state.write_message(bytes(given), message)
    write(struct.pack("<H", len(message)) + message)
    sys.stdout.flush()
    return Direction(pair[1]), Direction(pair[0]), bytes(given)


def main():
    role, private, device, psk, prologue = sys.argv[1:2] + [
        bytes.fromhex(word) for word in sys.argv[2:6]]
    frames = int(sys.argv[6])
    signal.alarm(90)
    outward, inward, given = handshake(role, private, device, psk, prologue)
    samples = [given, b"", bytes(index % 251 for index in range(LARGEST))]
    if role == "client":
        for number, payload in enumerate(samples):
            outward.send(number, payload)
            sys.stdout.flush()
            assert inward.receive() == (number, payload), number
        many = [(number, struct.pack("<I", number)) for number in range(frames)]
        for number, payload in many:
            outward.send(number, payload)
        sys.stdout.flush()
        for sent in many:
            assert inward.receive() == sent, sent
        return
    for _ in range(3):
        outward.send(*inward.receive())
        sys.stdout.flush()
    for received in [inward.receive() for _ in range(frames)]:
        outward.send(*received)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
