"""Looks at a guest's display as a browser would: takes the link that the API gave, fetches its page, opens the websocket that
the page's query names, speaks RFB (RFC 6143) and prints the display's name and size. Fails if nothing was drawn."""
import base64
import os
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request

TIMEOUT = 30


class WebSocket:
    """RFC 6455, as much of it as this needs; a stream of the bytes of binary messages."""

    def __init__(self, host, port, path):
        self.socket = socket.create_connection((host, port), TIMEOUT)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: binary\r\nOrigin: http://%s:%d\r\n\r\n"
            % (path, host, port, key, host, port)).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self.socket.recv(1)
            if not part:
                break
            answer += part
        status = answer.split(b"\r\n")[0].decode()
        if " 101 " not in status:
            raise SystemExit("the websocket was refused: %s" % status)
        self.bytes = b""

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise SystemExit("the connection was closed")
            data += part
        return data

    def read(self, count):
        while len(self.bytes) < count:
            first, length = self._exactly(2)
            if length == 126:
                length, = struct.unpack(">H", self._exactly(2))
            elif length == 127:
                length, = struct.unpack(">Q", self._exactly(8))
            payload = self._exactly(length)
            if first & 0x0f in (0, 2):
                self.bytes += payload
            elif first & 0x0f == 8:
                raise SystemExit("the websocket was closed: %r" % payload)
        data, self.bytes = self.bytes[:count], self.bytes[count:]
        return data

    def write(self, data):
        mask = os.urandom(4)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        self.socket.sendall(struct.pack(">BB", 0x82, 0x80 | len(data)) + mask + masked)


def main(link):
    with urllib.request.urlopen(link, timeout=TIMEOUT) as page:
        if b"console.js" not in page.read():
            raise SystemExit("that is not the page of a console")
    url = urllib.parse.urlsplit(link)
    path, = urllib.parse.parse_qs(url.query)["path"]
    screen = WebSocket(url.hostname, url.port, "/" + path)
    banner = screen.read(12)
    if not banner.startswith(b"RFB 003."):
        raise SystemExit("no display: %r" % banner)
    screen.write(b"RFB 003.008\n")
    kinds = screen.read(screen.read(1)[0])
    if 1 not in kinds:
        raise SystemExit("the display wants a password: %r" % kinds)
    screen.write(b"\x01")
    if screen.read(4) != bytes(4):
        raise SystemExit("the display refuses")
    screen.write(b"\x01")
    width, height = struct.unpack(">HH", screen.read(4))
    screen.read(16)
    name = screen.read(struct.unpack(">I", screen.read(4))[0]).decode()
    # 32 bits a pixel, and only raw rectangles
    screen.write(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
    screen.write(struct.pack(">BxHi", 2, 1, 0))
    end = time.time() + TIMEOUT
    while time.time() < end:
        screen.write(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
        if screen.read(1) != b"\x00":
            raise SystemExit("that is no picture")
        rectangles, = struct.unpack(">xH", screen.read(3))
        for _ in range(rectangles):
            _, _, w, h, encoding = struct.unpack(">HHHHi", screen.read(12))
            if encoding != 0:
                raise SystemExit("encoding %d was not asked for" % encoding)
            if any(screen.read(w * h * 4)):
                print("%s, %d x %d" % (name, width, height))
                return
    raise SystemExit("%s stays black" % name)


if __name__ == "__main__":
    main(sys.argv[1])
