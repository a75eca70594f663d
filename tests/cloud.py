# SPDX-License-Identifier: Apache-2.0
# Stands for the instance metadata service (version 2) and for the EC2 API, on
# 127.0.0.1, for tests/netns/cloud.sh. It computes the signature of every request anew,
# with the secret that it knows, and refuses what does not match. What it answers is in
# a directory, and read for each request:
#
#   ACTION.xml, ACTION.2.xml ...   pages, in their order; NextToken is pageN/+=
#   ACTION.refuse                  lines "STATUS TIMES", then a body: answers that so
#                                  often first
#   metadata/PATH                  values
#   log                            what was asked, a line for each
#
#   cloud.py DIRECTORY             writes its port to DIRECTORY/port when it is ready
import datetime
import hashlib
import hmac
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////+/=="
IMDS_TOKEN = "AQAEAEXAMPLE=="
REGION = "ap-northeast-2"
DIRECTORY = sys.argv[1]
REFUSAL = """<?xml version="1.0" encoding="UTF-8"?>
<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors>\
<RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>"""


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(handler, body, signed, stamp):
    names = signed.split(";")
    headers = "".join(
        "%s:%s\n" % (n, " ".join(handler.headers.get(n, "").split())) for n in names)
    path, _, query = handler.path.partition("?")
    canonical = "\n".join([
        handler.command, path, query, headers, signed,
        hashlib.sha256(body).hexdigest()])
    scope = "%s/%s/ec2/aws4_request" % (stamp[:8], REGION)
    to_sign = "\n".join([
        "AWS4-HMAC-SHA256", stamp, scope,
        hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in (stamp[:8], REGION, "ec2", "aws4_request"):
        key = digest(key, part)
    return scope, hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


# None, or the code and message of a refusal.
def judge(handler, body):
    authorization = handler.headers.get("Authorization", "")
    algorithm, _, rest = authorization.partition(" ")
    fields = dict(f.strip().partition("=")[::2] for f in rest.split(","))
    stamp = handler.headers.get("X-Amz-Date", "")
    signed = fields.get("SignedHeaders", "")
    if algorithm != "AWS4-HMAC-SHA256":
        return "AuthFailure", "not signed"
    if not {"host", "x-amz-date", "content-type"} <= set(signed.split(";")):
        return "SignatureDoesNotMatch", "too few headers are signed: " + signed
    if "X-Amz-Security-Token" in handler.headers:
        if handler.headers["X-Amz-Security-Token"] != TOKEN:
            return "InvalidClientTokenId", "another token"
        if "x-amz-security-token" not in signed.split(";"):
            return "SignatureDoesNotMatch", "the token is not signed"
    if signed != ";".join(sorted(signed.split(";"))):
        return "SignatureDoesNotMatch", "signed headers are not sorted"
    scope, expected = signature(handler, body, signed, stamp)
    if fields.get("Credential") != KEY_ID + "/" + scope:
        return "AuthFailure", "credential " + fields.get("Credential", "")
    when = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ")
    if abs((datetime.datetime.utcnow() - when).total_seconds()) > 300:
        return "RequestExpired", "Request has expired."
    if not hmac.compare_digest(fields.get("Signature", ""), expected):
        return "SignatureDoesNotMatch", "The request signature we calculated does not match"
    return None


def read(name):
    try:
        with open(os.path.join(DIRECTORY, name), "rb") as f:
            return f.read()
    except OSError:
        return None


# What is to be answered first, if anything: (status, body).
def refuse(action):
    text = read(action + ".refuse")
    if text is None:
        return None
    head, _, body = text.partition(b"\n")
    status, times = head.split()
    if int(times) == 0:
        return None
    with open(os.path.join(DIRECTORY, action + ".refuse"), "wb") as f:
        f.write(b"%s %d\n%s" % (status, int(times) - 1, body))
    return int(status), body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer in one piece, or TCP waits for more

    def log_message(self, *args):
        pass

    def note(self, line):
        with open(os.path.join(DIRECTORY, "log"), "a", encoding="ascii") as f:
            f.write(line + "\n")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
        self.note("PUT " + self.path)
        if self.path != "/latest/api/token" or ttl is None:
            self.answer(400, b"")
        elif read("metadata") is None and not os.path.isdir(DIRECTORY + "/metadata"):
            self.answer(403, b"")
        else:
            self.answer(200, IMDS_TOKEN.encode())

    def do_GET(self):
        prefix = "/latest/meta-data/"
        self.note("GET " + self.path)
        if self.headers.get("X-aws-ec2-metadata-token") != IMDS_TOKEN:
            self.answer(401, b"")
            return
        name = self.path[len(prefix):] if self.path.startswith(prefix) else "?"
        value = read("metadata/" + name.rstrip("/").replace("/", "_"))
        self.answer(200 if value is not None else 404, value or b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        form = dict(urllib.parse.parse_qsl(body.decode()))
        action = form.get("Action", "")
        self.note("POST " + body.decode())
        refusal = judge(self, body)
        if refusal is not None:
            self.answer(403, (REFUSAL % refusal).encode())
            return
        early = refuse(action)
        if early is not None:
            self.answer(*early)
            return
        page = form.get("NextToken", "page1/+=")
        number = page[len("page"):-len("/+=")]
        name = action + (".xml" if number == "1" else ".%s.xml" % number)
        answer = read(name)
        if answer is None or form.get("Version") != "2016-11-15":
            refusal = ("UnauthorizedOperation",
                       "You are not authorized to perform this operation.")
            self.answer(403, (REFUSAL % refusal).encode())
            return
        self.answer(200, answer)


server = HTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(DIRECTORY, "port.tmp"), "w", encoding="ascii") as f:
    f.write(str(server.server_port))
os.rename(os.path.join(DIRECTORY, "port.tmp"), os.path.join(DIRECTORY, "port"))
server.serve_forever()
