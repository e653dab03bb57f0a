# SPDX-License-Identifier: GPL-2.0
# TCP connections that stay open, for "dial" and "ask" of lib.sh:
#
#   dial.py ADDRESS PORT COUNT
#
# Opens so many and says "connected". At each line "ask" of standard input there is
# one more request over each, one after the other; the first line of what came back is
# printed, or "lost" for a connection that is no more, and an empty line at the end. Any
# other line, or the end of the input, closes them.
import re
import socket
import sys

REQUEST = b"GET / HTTP/1.1\r\nHost: vip\r\n\r\n"
CONNECT, ANSWER = 30, 10  # seconds


def request(connection):
    connection.sendall(REQUEST)
    data = b""
    while True:
        head, end, body = data.partition(b"\r\n\r\n")
        if end and len(body) >= int(re.search(rb"Content-Length: (\d+)", head)[1]):
            return body.splitlines()[0].decode()
        more = connection.recv(4096)
        if not more:
            return "lost"
        data += more


def answer(connection):
    try:
        return request(connection)
    except OSError:
        return "lost"


def main(address, port, count):
    connections = [socket.create_connection((address, port), CONNECT)
                   for _ in range(int(count))]
    for connection in connections:
        connection.settimeout(ANSWER)
    print("connected", flush=True)
    for line in sys.stdin:
        if line != "ask\n":
            break
        for connection in connections:
            print(answer(connection))
        print(flush=True)


main(*sys.argv[1:])
