"""JSON-RPC over websocket: the face that SDKs and btcli see."""
