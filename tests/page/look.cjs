// Looks at pages with Chromium: node look.cjs FOLDER PAGE.html... ; ends with 0 when there is nothing to complain of,
// 77 when something that it needs is not there, 1 otherwise. Pictures are left in FOLDER.
//
// Each page is opened on a desk and on a telephone, in the light and in the dark, with scripts off as its policy has
// them. Every request is noted, and none may be made. axe-core judges accessibility; it is a script, so for it the
// page is opened once more with the page's own rule against scripts put aside.
"use strict";

const { existsSync } = require("node:fs");
const { basename, join } = require("node:path");
const { pathToFileURL } = require("node:url");

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const VIEWS = [
  { name: "desk", width: 1280, height: 900 },
  { name: "phone", width: 390, height: 844 },
];

function needed(name) {
  try {
    return require(name);
  } catch {
    console.log(`the package ${name} is not where NODE_PATH says`);
    process.exit(77);
  }
}

const { chromium } = needed("playwright-core");
const axe = needed("axe-core");
const executablePath = BROWSERS.find(existsSync);
if (!executablePath) {
  console.log("chromium is not installed");
  process.exit(77);
}

const complaints = [];
const short = (text) => JSON.stringify(text.slice(0, 40));

// One page in one view.
async function look(context, file, view, scheme, folder) {
  const at = `${basename(file)} (${view.name}, ${scheme})`;
  const complain = (what) => complaints.push(`${at}: ${what}`);
  const page = await context.newPage();
  page.on("console", (message) => complain(`console: ${message.text()}`));
  page.on("pageerror", (error) => complain(`error: ${error.message}`));
  const address = pathToFileURL(file).href;
  page.on("request", (request) => {
    if (request.url() !== address && !request.url().startsWith("data:")) complain(`asks for ${request.url()}`);
  });
  await page.goto(address);
  await page.screenshot({ path: join(folder, `${basename(file, ".html")}-${view.name}-${scheme}.png`), fullPage: true });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) complain(`is ${overflow} pixels wider than the screen`);
  for (const picture of await page.locator("svg").all()) {
    const found = await picture.evaluate((svg) => ({
      title: svg.querySelector("title")?.textContent ?? "",
      desc: svg.querySelector("desc")?.textContent ?? "",
      role: svg.getAttribute("role"),
      box: svg.getBoundingClientRect().toJSON(),
      // Letters that leave the picture or run into each other.
      bars: svg.querySelectorAll("rect").length,
      outside: [...svg.querySelectorAll("text")].filter((text) => {
        // The numbers of an axis stand in the margin before their picture.
        const [inner, outer] = [text.getBoundingClientRect(), svg.parentElement.getBoundingClientRect()];
        return inner.width > 0 && (inner.left < outer.left - 1 || inner.right > outer.right + 1);
      }).map((text) => text.textContent),
      crossed: [...svg.querySelectorAll("g")].filter((group) => {
        const label = [...group.querySelectorAll(".label")].find((text) => text.getBoundingClientRect().width > 0);
        const value = group.querySelector(".value");
        return label && value && label.getBoundingClientRect().right > value.getBoundingClientRect().left;
      }).map((group) => group.textContent),
    }));
    if (!found.title || !found.desc || found.role !== "img") complain(`a picture has no title, description or role`);
    if (found.box.width < 100 || found.box.height < 30) complain(`${found.title} cannot be seen`);
    if (found.bars === 0 && !/^0 /.test(found.desc)) complain(`${found.title} has no bars`);
    for (const text of found.outside) complain(`${short(found.title)}: ${short(text)} leaves the picture`);
    for (const text of found.crossed) complain(`${short(found.title)}: ${short(text)} runs into its value`);
  }
  await page.close();
}

// The whole page by the rules of accessibility, with every table open.
async function judge(context, file, scheme) {
  const page = await context.newPage();
  await page.goto(pathToFileURL(file).href);
  await page.evaluate(() => document.querySelectorAll("details").forEach((it) => { it.open = true; }));
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const found of violations) {
    const nodes = found.nodes.slice(0, 3).map((node) => node.html.slice(0, 120)).join("\n    ");
    complaints.push(`${basename(file)} (${scheme}): axe: ${found.id}: ${found.help}\n    ${nodes}`);
  }
  // Tab goes to the skip link first and then through the contents to the tables.
  await page.evaluate(() => document.querySelectorAll("details").forEach((it) => { it.open = false; }));
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement?.className);
  if (first !== "skip") complaints.push(`${basename(file)}: Tab goes to ${first} first`);
  const details = await page.locator("details").count();
  if (details > 0) {
    await page.locator("summary").first().focus();
    await page.keyboard.press("Enter");
    if (!(await page.locator("details").first().evaluate((it) => it.open))) {
      complaints.push(`${basename(file)}: Enter opens no table`);
    }
  }
  await page.close();
}

async function main([folder, ...files]) {
  // It makes a profile of its own, and throws it away.
  const browser = await chromium.launch({ executablePath, args: ARGS });
  try {
    for (const colorScheme of ["light", "dark"]) {
      for (const view of VIEWS) {
        const viewport = { width: view.width, height: view.height };
        const context = await browser.newContext({ viewport, colorScheme });
        for (const file of files) await look(context, file, view, colorScheme, folder);
        await context.close();
        // Colours and places do not depend on each other, so half of the pairs will do.
        if ((view.name === "desk") !== (colorScheme === "light")) continue;
        const past = await browser.newContext({ viewport, colorScheme, bypassCSP: true });
        for (const file of files) await judge(past, file, `${view.name}, ${colorScheme}`);
        await past.close();
      }
    }
  } finally {
    await browser.close();
  }
  if (complaints.length > 0) {
    console.log([...new Set(complaints)].join("\n"));
    process.exit(1);
  }
  console.log(`${files.length} pages were looked at on a desk and a telephone, in the light and in the dark`);
}

main(process.argv.slice(2)).catch((error) => {
  console.log(error.stack);
  process.exit(1);
});
