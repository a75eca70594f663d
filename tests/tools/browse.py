#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""browse.py [-s PICTURE.png] [-w WIDTH] [-h HEIGHT] [-t FILE] BROWSER PROFILE URL EXPRESSION...

Opens URL in a headless Chromium, waits until each expression is true in turn, makes FILE
when the first is, takes a picture, and fails when one never is, or when the page wrote an error to the console or
broke its own Content-Security-Policy.
"""
import base64
import getopt
import json
import os
import subprocess
import sys
import time

PATIENCE_S = 60


class Browser:
    """Chromium's DevTools over a pair of pipes: JSON, each message ended by a NUL."""

    def __init__(self, program, profile):
        ask, self.to = os.pipe()
        self.back, tell = os.pipe()

        def place():
            a, b = os.dup(ask), os.dup(tell)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-dev-shm-usage", "--disable-sync", "--user-data-dir=" + profile,
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=place, pass_fds=(3, 4), stderr=subprocess.DEVNULL)
        os.close(ask)
        os.close(tell)
        self.rest, self.number, self.session, self.errors = b"", 0, None, []

    def read(self):
        while b"\0" not in self.rest:
            more = os.read(self.back, 1 << 20)
            if not more:
                sys.exit("the browser has ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"]))
        if method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.errors.append(json.dumps(params["args"]))
        # a daemon that does not answer is a network error, which the page tells of
        if (method == "Log.entryAdded" and params["entry"]["level"] == "error"
                and params["entry"]["source"] != "network"):
            self.errors.append(params["entry"]["text"])

    def ask(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") != self.number:
                self.note(answer)
                continue
            if "error" in answer:
                sys.exit(f"{method}: {answer['error']}")
            return answer["result"]

    def open(self, url, width, height):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target,
                                flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self.ask(domain + ".enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url=url)

    def wait(self, expression):
        end = time.monotonic() + PATIENCE_S
        result = {}
        while time.monotonic() < end:
            result = self.ask("Runtime.evaluate", expression=expression)["result"]
            if result.get("value") is True:
                return
            time.sleep(0.1)  # between two looks, not instead of one
        text = self.ask("Runtime.evaluate", expression="document.body.innerText")
        sys.exit(f"never came true: {expression}: {result}\n{text['result'].get('value')}")

    def picture(self, path):
        shot = self.ask("Page.captureScreenshot", format="png")
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))


def main():
    options, arguments = getopt.getopt(sys.argv[1:], "s:w:h:t:")
    o = dict(options)
    program, profile, url, *expressions = arguments
    browser = Browser(program, profile)
    try:
        browser.open(url, int(o.get("-w", 1280)), int(o.get("-h", 1024)))
        for expression in expressions:
            browser.wait(expression)
            if "-t" in o:
                open(o["-t"], "w", encoding="ascii").close()
        if "-s" in o:
            browser.picture(o["-s"])
    finally:
        browser.process.terminate()
        browser.process.wait()
    if browser.errors:
        sys.exit("on the console: " + "\n".join(browser.errors))


main()
