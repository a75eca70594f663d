#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""browse.py BROWSER PROFILE URL STEP...

Opens URL in a headless Chromium, 1280 by 1024, and takes each step in turn. Fails when
one does, or when the page wrote an error to the console or broke its own
Content-Security-Policy. A step is an expression, which is waited for until it is true, or

  =size WIDTHxHEIGHT  =dark  =light     what the page is shown on
  =fit                                  the window becomes as large as the page's <pre>
  =picture FILE.png                     at most PICTURE_HEIGHT, the whole page
  =touch FILE                           tells others that this step was reached
  =type TEXT    =press KEY              into what has the focus; Shift+Tab and so on
  =tabs EXPRESSION                      Tab goes through the whole page and out of it, the
                                        focus is always seen, and was where the expression
                                        of `e` is true
  =role ROLE NAME                       in the tree for screen readers, NAME a regex
  =audit FILE.js                        its value is a list of complaints: an empty one
  =cost REFRESHES SELECTOR              the page's main thread works less than it may
                                        (BUSY_MOST) while what SELECTOR says changes so
                                        often, and no nodes are left over
"""
import base64
import json
import os
import re
import subprocess
import sys
import time

PATIENCE_S = 60
TABS_MOST = 400
PICTURE_HEIGHT = 2400
BUSY_MOST = 0.5  # of the time: half a processor is left for everything else
KEYS = {"Tab": 9, "Enter": 13, "Space": 32, "Escape": 27, "ArrowDown": 40, "Backspace": 8}
FOCUS = """(() => {
	const e = document.activeElement, s = getComputedStyle(e);
	if (e === document.body)
		return null;
	const b = e.getBoundingClientRect();
	return {wanted: !!(WANTED), seen: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 &&
			b.width > 0 && b.bottom > 0 && b.right > 0 && b.top < innerHeight,
		what: e.tagName + "#" + e.id + " " + e.textContent.slice(0, 30)};
})()"""


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
             "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-sync", "--user-data-dir=" + profile,
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

    def open(self, url):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target,
                                flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Performance", "Accessibility"):
            self.ask(domain + ".enable")
        self.size("1280x1024")
        self.ask("Page.navigate", url=url)

    def value(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            return answer["exceptionDetails"]["exception"].get("description")
        return answer["result"].get("value")

    def wait(self, expression):
        end = time.monotonic() + PATIENCE_S
        value = None
        while time.monotonic() < end:
            value = self.value(expression)
            if value is True:
                return
            time.sleep(0.1)  # between two looks, not instead of one
        sys.exit(f"never came true: {expression}: {value}\n"
                 + self.value("document.body.innerText"))

    # ---- steps ----

    def size(self, text):
        width, height = text.split("x")
        self.ask("Emulation.setDeviceMetricsOverride", width=int(width),
                 height=int(height), deviceScaleFactor=1, mobile=False)

    def fit(self, _):
        box = self.value("""(({width, height}) => Math.ceil(width) + "x" + Math.ceil(height))(
            document.querySelector("pre").getBoundingClientRect())""")
        self.size(box)

    def scheme(self, name):
        self.ask("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": name}])

    def dark(self, _):
        self.scheme("dark")

    def light(self, _):
        self.scheme("light")

    def picture(self, path):
        content = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": content["width"], "scale": 1,
                              "height": min(content["height"], PICTURE_HEIGHT)})
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def touch(self, path):
        with open(path, "w", encoding="ascii"):
            pass

    def type(self, text):
        self.ask("Input.insertText", text=text)

    def press(self, text):
        *modifiers, key = text.split("+")
        shift = 8 if "Shift" in modifiers else 0
        character = {"Enter": "\r", "Space": " "}.get(key)
        event = {"key": " " if key == "Space" else key, "code": key, "modifiers": shift,
                 "windowsVirtualKeyCode": KEYS[key]}
        if character:
            self.ask("Input.dispatchKeyEvent", type="keyDown", text=character, **event)
        else:
            self.ask("Input.dispatchKeyEvent", type="rawKeyDown", **event)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def tabs(self, wanted):
        """From the start of the page, until the focus has left it."""
        self.value("document.activeElement.blur(), scrollTo(0, 0)")
        seen, found = 0, False
        while seen < TABS_MOST:
            self.press("Tab")
            focus = self.value(FOCUS.replace("WANTED", wanted))
            if focus is None:
                break
            if not isinstance(focus, dict):
                sys.exit(f"{wanted}: {focus}")
            if not focus["seen"]:
                sys.exit("the focus cannot be seen on " + focus["what"])
            seen, found = seen + 1, found or focus["wanted"]
        if seen in (0, TABS_MOST) or not found:
            sys.exit(f"{seen} stops of the Tab key, none of them {wanted}")

    def role(self, text):
        role, name = text.split(" ", 1)
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        has = sorted({n["name"].get("value", "") for n in nodes if not n.get("ignored")
                      and n.get("role", {}).get("value") == role and "name" in n})
        if not any(re.search(name, n) for n in has):
            sys.exit(f"no {role} is called {name}, but: {has}")

    def audit(self, path):
        with open(path, encoding="utf-8") as f:
            complaints = self.value(f.read())
        if complaints != []:
            sys.exit("\n".join(complaints) if isinstance(complaints, list) else complaints)

    def figures(self):
        self.ask("HeapProfiler.collectGarbage")
        return {m["name"]: m["value"]
                for m in self.ask("Performance.getMetrics")["metrics"]}

    def cost(self, text):
        count, selector = text.split(" ", 1)
        watched = f"document.querySelector({json.dumps(selector)}).textContent"
        before, last, changes = self.figures(), self.value(watched), 0
        end = time.monotonic() + PATIENCE_S
        while changes < int(count) and time.monotonic() < end:
            time.sleep(0.1)  # between two looks, not instead of one
            now = self.value(watched)
            changes, last = changes + (now != last), now
        after = self.figures()
        busy = after["TaskDuration"] - before["TaskDuration"]
        share = busy / (after["Timestamp"] - before["Timestamp"])
        print(f"{changes} refreshes, {1000 * busy / max(1, changes):.0f} ms each, "
              f"nodes {before['Nodes']:.0f}, then {after['Nodes']:.0f}")
        if changes < int(count):
            sys.exit(f"{selector} changed {changes} times only")
        if share > BUSY_MOST or after["Nodes"] > 1.1 * before["Nodes"]:
            sys.exit(f"the main thread works {100 * share:.0f} % of the time")


STEPS = ("size", "fit", "dark", "light", "picture", "touch", "type", "press", "tabs", "role",
         "audit", "cost")


def main():
    program, profile, url, *steps = sys.argv[1:]
    browser = Browser(program, profile)
    try:
        browser.open(url)
        for step in steps:
            word, _, rest = step[1:].partition(" ")
            if step[0] == "=" and word in STEPS:
                getattr(browser, word)(rest)
            else:
                browser.wait(step)
    finally:
        browser.process.terminate()
        browser.process.wait()
    if browser.errors:
        sys.exit("on the console: " + "\n".join(browser.errors))


main()
