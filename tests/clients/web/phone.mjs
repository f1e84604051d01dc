// node phone.mjs BROWSER PROFILE: a browser of a phone's size that does what lines of JSON on its input say.
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [browserPath, profile] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: browserPath,
  headless: true,
  userDataDir: profile,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
const [page] = await browser.pages();
await page.setViewport({ width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true });
page.setDefaultTimeout(90000);
const said = [];
let received = 0;
page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (failure) => said.push(`pageerror: ${failure.message}`));
page.on("dialog", (dialog) => dialog.accept());
const wire = await page.createCDPSession();
await wire.send("Network.enable");
wire.on("Network.loadingFinished", ({ encodedDataLength }) => { received += encodedDataLength; });
const OFFLINE = { offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0 };
const ONLINE = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
const workers = new Map();

async function network(conditions) {
  await wire.send("Network.emulateNetworkConditions", conditions);
  for (const target of browser.targets().filter((one) => one.type() === "service_worker")) {
    if (!workers.has(target)) { workers.set(target, await target.createCDPSession()); }
    await workers.get(target).send("Network.enable");
    await workers.get(target).send("Network.emulateNetworkConditions", conditions);
  }
}

// The innermost element that can be tapped and has these words.
async function withWords(words) {
  return page.waitForFunction((text) => [...document.querySelectorAll("button, a, label, summary")]
    .find((one) => one.innerText.includes(text) && one.offsetParent !== null && !one.disabled), {}, words);
}

// The page draws itself anew when an answer comes: what was found may be gone when it is tapped.
async function tapped(find) {
  for (let left = 20; ; left -= 1) {
    try {
      const found = await find();
      await found.evaluate((one) => one.scrollIntoView({ block: "center" }));
      return await found.tap();
    } catch (failure) {
      if (!left || !/detached|not clickable/.test(`${failure}`)) throw failure;
    }
  }
}

const DO = {
  open: ({ url, place }) => browser.defaultBrowserContext().overridePermissions(new URL(url).origin, ["geolocation"])
    .then(() => place && page.setGeolocation({ longitude: place[0], latitude: place[1], accuracy: 8 }))
    .then(() => page.goto(url, { waitUntil: "load" })),
  size: ({ width, height }) => page.setViewport({ width, height, deviceScaleFactor: 1 }),
  press: ({ key }) => page.keyboard.press(key),
  reload: () => page.reload({ waitUntil: "load" }),
  tap: ({ words }) => tapped(() => withWords(words)),
  touch: ({ selector }) => tapped(() => page.waitForSelector(selector, { visible: true })),
  fill: ({ selector, value }) => page.waitForSelector(selector).then(async (one) => {
    await one.evaluate((input) => { input.value = ""; });
    await one.type(value);
  }),
  choose: ({ selector, value }) => page.waitForSelector(selector).then(() => page.select(selector, value)),
  upload: ({ selector, path }) => page.waitForSelector(selector).then((one) => one.uploadFile(path)),
  offline: ({ on }) => network(on ? OFFLINE : ONLINE),
  wait: ({ words }) => page.waitForFunction((text) => document.body.innerText.includes(text), {}, words),
  until: ({ script }) => page.waitForFunction(script),
  text: () => page.evaluate(() => document.body.innerText),
  run: ({ script }) => page.evaluate(script),
  shot: ({ path }) => page.screenshot({ path }),
  said: () => said,
  received: () => received,
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  try {
    const value = await DO[asked.do](asked);
    const plain = ["text", "run", "said", "received"].includes(asked.do) ? value : null;
    console.log(JSON.stringify({ value: plain ?? null }));
  } catch (failure) {
    const text = await page.evaluate(() => document.body.innerText).catch(() => "");
    console.log(JSON.stringify({ failure: `${failure}\n${text}\n${said.join("\n")}` }));
  }
}
await browser.close();
