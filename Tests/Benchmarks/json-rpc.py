"""json-rpc.py PORT: JSON-RPC over WebSocket on 127.0.0.1 – a server of the predecessor's class."""
import asyncio
import json
import logging
import sys

import websockets


async def serve(connection, _path=None):
    async for text in connection:
        request = json.loads(text)
        if request["method"] == "ping":
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": "pong"}
        else:
            error = {"code": -32601, "message": "Method not found"}
            reply = {"jsonrpc": "2.0", "id": request["id"], "error": error}
        await connection.send(json.dumps(reply))


async def main():
    logging.basicConfig(level=logging.ERROR)
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1])):
        await asyncio.Future()


asyncio.run(main())
