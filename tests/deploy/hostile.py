"""Requests that are not HTTP as it should be, or only just."""

from tests.deploy.callers import HOST

LINE = f"Host: {HOST}\r\n"
HOSTILE = {
    "no version": "GET /none\r\n\r\n",
    "another version": f"GET / HTTP/9.9\r\n{LINE}\r\n",
    "no host": "GET / HTTP/1.1\r\n\r\n",
    "two hosts": f"GET / HTTP/1.1\r\n{LINE}Host: another.test\r\n\r\n",
    "host with a blank": "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "old without host": "GET /qaorder/ HTTP/1.0\r\n\r\n",
    "method in small letters": f"get / HTTP/1.1\r\n{LINE}\r\n",
    "method of one letter": f"A /qaorder/ HTTP/1.1\r\n{LINE}\r\n",
    "unknown method": f"BREW /qaorder/ HTTP/1.1\r\n{LINE}\r\n",
    "TRACE": f"TRACE /qaorder/ HTTP/1.1\r\n{LINE}\r\n",
    "CONNECT": f"CONNECT {HOST}:443 HTTP/1.1\r\n{LINE}\r\n",
    "OPTIONS *": f"OPTIONS * HTTP/1.1\r\n{LINE}\r\n",
    "absolute": f"GET https://another.test/ HTTP/1.1\r\n{LINE}\r\n",
    "control character in the target": f"GET /\x01 HTTP/1.1\r\n{LINE}\r\n",
    "raw bytes in the target": f"GET /qaorder/\xe4\xb8?a=\xff HTTP/1.1\r\n{LINE}\r\n",
    "zero in the target": f"GET /qaorder/%00/ HTTP/1.1\r\n{LINE}\r\n",
    "broken escape": f"GET /qaorder/%zz/ HTTP/1.1\r\n{LINE}\r\n",
    "out of the root": f"GET /qaorder/../../etc/passwd HTTP/1.1\r\n{LINE}\r\n",
    "control character in a header": f"GET /qaorder/ HTTP/1.1\r\n{LINE}X-A: \x01\x7f\r\n\r\n",
    "no colon": f"GET /qaorder/ HTTP/1.1\r\n{LINE}nothing\r\n\r\n",
    "blank before the colon": f"GET /qaorder/ HTTP/1.1\r\n{LINE}X-A : a\r\n\r\n",
    "folded header": f"GET /qaorder/ HTTP/1.1\r\n{LINE}X-A: a\r\n b\r\n\r\n",
    "bare line feeds": f"GET /qaorder/ HTTP/1.1\nHost: {HOST}\nConnection: close\n\n",
    "many headers": f"GET /qaorder/ HTTP/1.1\r\n{LINE}" + "a: b\r\n" * 1500 + "\r\n",
    "many addresses": f"GET /qaorder/ HTTP/1.1\r\n{LINE}"
    + f"X-Forwarded-For: {'1' * 3900}\r\n" * 3
    + "\r\n",
    "negative length": f"POST /qaorder/ HTTP/1.1\r\n{LINE}Content-Length: -1\r\n\r\n",
    "endless length": f"POST /qaorder/ HTTP/1.1\r\n{LINE}Content-Length: {10**30}\r\n\r\n",
    "two lengths": f"POST / HTTP/1.1\r\n{LINE}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": f"POST / HTTP/1.1\r\n{LINE}Content-Length: 5\r\n"
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": f"POST / HTTP/1.1\r\n{LINE}Transfer-Encoding: magic\r\n\r\n",
    "broken chunk": f"POST /qaorder/ HTTP/1.1\r\n{LINE}Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "expectation": f"POST /qaorder/ HTTP/1.1\r\n{LINE}Expect: wonders\r\nContent-Length: 0\r\n\r\n",
    "upgrade": f"GET /qaorder/ HTTP/1.1\r\n{LINE}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
