"""Decodes H.248 messages with pycrate, and tells where one is not the other but for what was to
change. Reads lines of JSON: name, before, after (hexadecimal), swaps (pairs, hexadecimal), sender.
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
from pycrate_asn1dir import H248  # noqa: E402

MESSAGE = H248.MEDIA_GATEWAY_CONTROL.MegacoMessage


def decoded(hexadecimal):
    MESSAGE.from_ber(bytes.fromhex(hexadecimal))
    return MESSAGE.get_val()


def swapped(value, swaps):
    if isinstance(value, bytes):
        return swaps.get(value, value)
    if isinstance(value, dict):
        return {name: swapped(inner, swaps) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(swapped(inner, swaps) for inner in value)
    return value


for line in sys.stdin:
    case = json.loads(line)
    after = decoded(case["after"])
    if case["before"]:
        swaps = {bytes.fromhex(old): bytes.fromhex(new) for old, new in case["swaps"]}
        expected = swapped(decoded(case["before"]), swaps)
        octets = bytes.fromhex(case["sender"])
        sender = {"address": octets[:4], "portNumber": int.from_bytes(octets[4:], "big")}
        expected["mess"]["mId"] = ("ip4Address", sender)
        if after != expected:
            print(f"{case['name']}: {expected}\nbut\n{after}")
            continue
    print(f"{case['name']}: same")
