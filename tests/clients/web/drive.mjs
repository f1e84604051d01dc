// node drive.mjs BROWSER URL PICTURE: opens a page, waits for window.seen, keeps a picture, tells as JSON.
import puppeteer from "puppeteer-core";

const [browserPath, url, picture] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: browserPath,
  headless: true,
  args: [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    // No name is resolved and nothing but this machine is reached.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});
const page = await browser.newPage();
await page.setViewport({ width: 800, height: 600 });
const said = [];
const requests = [];
page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (failure) => said.push(`pageerror: ${failure.message}`));
page.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
page.on("response", (answer) => {
  if (answer.status() >= 400) said.push(`status ${answer.status()}: ${answer.url()}`);
});
await page.goto(url, { waitUntil: "domcontentloaded" });
let seen = { failure: "the page never told what it saw" };
try {
  await page.waitForFunction("window.seen !== undefined", { timeout: 120000 });
  seen = await page.evaluate("window.seen");
} catch (failure) {
  said.push(String(failure));
}
await page.screenshot({ path: picture });
console.log("RESULT " + JSON.stringify({ seen, said, requests }));
await browser.close();
