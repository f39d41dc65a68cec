// Puts what the pages need of other people's work into static/vendor/.
//
// Run by `npm run build` at set-up. Our own modules are served as they are; only
// packages from node_modules are bundled here, and nothing of it is committed.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const packages = join(here, "..", "node_modules");
const vendor = join(here, "vendor");

/** One symbol of the sprite out of one file of bootstrap-icons. */
async function symbol(name) {
  const text = await readFile(join(packages, "bootstrap-icons", "icons", `${name}.svg`), "utf8");
  const viewBox = /viewBox="([^"]+)"/.exec(text)[1];
  const inner = text.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "");
  return `<symbol id="${name}" viewBox="${viewBox}">${inner.trim()}</symbol>`;
}

async function sprite() {
  const names = JSON.parse(await readFile(join(here, "icons.json"), "utf8"));
  const symbols = await Promise.all(names.map(symbol));
  const text = `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
  await writeFile(join(vendor, "icons.svg"), text);
}

const shared = { bundle: true, minify: true, legalComments: "eof", logLevel: "warning" };

await rm(vendor, { recursive: true, force: true });
await mkdir(vendor, { recursive: true });
await Promise.all([
  sprite(),
  build({
    ...shared,
    stdin: { contents: 'export { default } from "jssip";', resolveDir: here },
    outfile: join(vendor, "jssip.js"),
    format: "esm",
    platform: "browser",
    define: { global: "globalThis" },
  }),
  build({
    ...shared,
    stdin: {
      contents: `
        export { Calendar } from "@fullcalendar/core";
        export { default as dayGrid } from "@fullcalendar/daygrid";
        export { default as timeGrid } from "@fullcalendar/timegrid";
        export { default as list } from "@fullcalendar/list";
        export { default as interaction } from "@fullcalendar/interaction";
      `,
      resolveDir: here,
    },
    outfile: join(vendor, "fullcalendar.js"),
    format: "esm",
    platform: "browser",
  }),
  build({
    ...shared,
    entryPoints: [join(packages, "bootstrap", "dist", "css", "bootstrap.css")],
    outfile: join(vendor, "bootstrap.css"),
    external: ["data:*"],
  }),
]);
