"""What campaigns on the host share: the wire's frames, and a running agent of the shipped build."""
import pathlib
import socket
import struct
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
WATCHPOST = TOP / ".build/image/host/watchpost"

TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = TABLE[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def frame(kind, number, payload=b""):
    head = struct.pack("<4sBBHIHHIII", b"WPOS", 1, 0, kind, number, 0, 0, len(payload), 0,
                       crc32c(payload))
    return head + struct.pack("<I", crc32c(head)) + payload


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build():
    subprocess.run([str(TOP / "image/build"), "host"], check=True, stdout=subprocess.DEVNULL)


class Agent:
    """An agent without cameras, with its state in `folder`, that listens already."""

    def __init__(self, folder, control=""):
        self.port = free_port()
        off = "".join(f"[{section}]\n{key} = off\n" for section, key in [
            ("network", "mode"), ("mdns", "enabled"), ("mediamtx", "path"),
            ("cameras", "enabled"), ("watchdog", "device")])
        file = pathlib.Path(folder) / "watchpost.conf"
        file.write_text(f"[control]\nlisten = 127.0.0.1:{self.port}\n{control}\n{off}"
                        f"[data]\ndirectory = {folder}/data\n[run]\ndirectory = {folder}/run\n"
                        f"[access]\ndirectory = {folder}/card/access\n")
        self.process = subprocess.Popen([str(WATCHPOST), "agent", "--config", str(file)],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdout.readline()

    def resident_kib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("no VmRSS")

    def end(self):
        self.process.kill()
        self.process.wait()
