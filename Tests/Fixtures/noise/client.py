"""A client written from the specification alone: it pairs with a device and talks to it.

usage: client.py HOST PORT CODE NAME

Prints a line for each thing that was as the specification says, and ends with a traceback where one
was not. Needs python3-dissononce and nothing of the product.
"""

import hashlib
import os
import socket
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

PING, HEALTH, IDENTITY, HANDSHAKE, KEY_LIST = 1, 2, 38, 39, 40
FORM = bytes([1, 0, 0, 0, 0, 0, 0, 0])
HEADER = "<4sBBHIHHII"


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Device:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError(f"the device has hung up after {len(data)} of {count} bytes")
            data += more
        return data

    def plain(self, kind, payload=b"", number=1):
        head = struct.pack(HEADER, b"WPOS", 1, 0, kind, number, 0, 0, len(payload), 0)
        head += struct.pack("<I", crc32c(payload))
        self.socket.sendall(head + struct.pack("<I", crc32c(head)) + payload)
        head = self.read(32)
        assert crc32c(head[:28]) == struct.unpack("<I", head[28:])[0], "header checksum"
        fields = struct.unpack(HEADER, head[:24])
        assert fields[:5] == (b"WPOS", 1, 1, kind, number), fields
        payload = self.read(fields[7])
        assert crc32c(payload) == struct.unpack("<I", head[24:28])[0], "payload checksum"
        return fields[5], payload

    def shake_hands(self, key, device, psk, name):
        """The status; with 0 role, whether it has paired, and the secret."""
        pattern = PSKPatternModifier(2).modify(IKHandshakePattern())
        noise = HandshakeState(
            SymmetricState(CipherState(ChaChaPolyCipher()), SHA256Hash()), X25519DH())
        noise.initialize(pattern, True, FORM, s=key, rs=PublicKey(device), psks=[psk])
        message = bytearray()
        noise.write_message(name, message)
        status, answer = self.plain(HANDSHAKE, FORM + bytes(message))
        if status != 0:
            return status, None
        assert answer[:8] == FORM, answer[:8]
        welcome = bytearray()
        self.outward, self.inward = noise.read_message(answer[8:], welcome)
        assert len(welcome) == 40, len(welcome)
        return 0, (welcome[0], welcome[1], bytes(welcome[8:]))

    def seal(self, kind, payload=b"", number=1):
        header = struct.pack(HEADER, b"WPOS", 1, 0, kind, number, 0, 0, len(payload), 0)
        prefix = struct.pack("<4sHH", b"WPSE", len(header) + len(payload) + 16, 0)
        return prefix + self.outward.encrypt_with_ad(prefix, header + payload)

    def open(self):
        prefix = self.read(8)
        magic, length, reserved = struct.unpack("<4sHH", prefix)
        assert (magic, reserved) == (b"WPSE", 0), prefix
        plain = self.inward.decrypt_with_ad(prefix, self.read(length))
        return struct.unpack(HEADER, plain[:24]), plain[24:]

    def ask(self, kind, payload=b"", number=1):
        self.socket.sendall(self.seal(kind, payload, number))
        fields, answer = self.open()
        assert fields[:5] == (b"WPOS", 1, 1, kind, number) and fields[7] == len(answer), fields
        return fields[5], answer


def main():
    host, port, code, name = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4].encode()
    key = X25519DH().generate_keypair(PrivateKey(os.urandom(32)))
    device = Device(host, port)
    status, identity = device.plain(IDENTITY)
    assert status == 0 and len(identity) == 72 and identity[33] == 1, identity
    public = identity[:32]
    print("identity: pairing is open with a code")

    psk = hashlib.sha256(b"watchpost pairing" + code.encode()).digest()
    status, (role, is_paired, secret) = device.shake_hands(key, public, psk, name)
    assert (role, is_paired) == (3, 1) and any(secret)
    assert device.ask(PING, b"hello", 2) == (0, b"hello")
    print("paired: admin")

    device = Device(host, port)
    status, (role, is_paired, nothing) = device.shake_hands(key, public, secret, b"")
    assert (role, is_paired) == (3, 0) and not any(nothing)
    for number, size in enumerate([0, 1, 64]):
        payload = bytes(index % 251 for index in range(size))
        assert device.ask(PING, payload, 10 + number) == (0, payload)
    status, health = device.ask(HEALTH, b"", 20)
    assert status == 0 and len(health) == 256
    status, keys = device.ask(KEY_LIST, b"", 21)
    assert status == 0 and keys[:2] == b"\x01\x00" and keys[8:8 + len(name)] == name
    print("known: pings, health and the list of keys")

    frame = device.seal(PING, b"once", 30)
    device.socket.sendall(frame)
    assert device.open()[1] == b"once"
    device.socket.sendall(frame)
    fields, _ = device.open()
    assert fields[5] == 9, fields
    try:
        device.read(1)
        raise AssertionError("a replayed frame did not end the connection")
    except (EOFError, ConnectionResetError):
        print("replayed: authentication, and the end")

    stranger = X25519DH().generate_keypair(PrivateKey(os.urandom(32)))
    assert Device(host, port).shake_hands(stranger, public, secret, b"")[0] == 9
    print("unknown key: authentication")


main()
