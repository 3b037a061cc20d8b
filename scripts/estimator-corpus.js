/**
 * The texts that the token estimator is judged by. The repository holds a list of them with hashes,
 * not the texts: those come from the packages installed here and from packages of Debian.
 *
 *     node scripts/estimator-corpus.js fetch   gets the Debian packages, into node_modules/.cache
 *     node scripts/estimator-corpus.js texts   prints the listed texts, a JSON array
 *     node scripts/estimator-corpus.js list    chooses them anew; rewrites test/estimator-corpus.json
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const list = join(root, "test/estimator-corpus.json");
const installed = join(root, "node_modules/.pnpm");
const cache = join(root, "node_modules/.cache/estimator-corpus");

/** Longer texts are cut here; shorter than the minimum are not chosen. In UTF-16 units. */
const MAX_LENGTH = 20_000;
const MIN_LENGTH = 500;
const PER_KIND = 40;
const MAX_LOOKED_AT = 500;

// The whole fetch has to fit into an ordinary test run.
const FETCH_TIMEOUT_MS = 60_000;

const entities = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

const decodeEntities = (text) =>
  text
    .replace(/&#x([0-9a-f]{1,6});/gi, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&#(\d{1,7});/g, (_, digits) => String.fromCodePoint(Number(digits)))
    .replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name) => entities[name]);

/** HTML and Mallard to prose: a block is a line, and blank lines are one. */
const withoutMarkup = (text) =>
  decodeEntities(
    text
      .replace(/<!--[\s\S]*?-->/g, "")
      .replace(/<(script|style|head|info)\b[\s\S]*?<\/\1>/g, "")
      .replace(/\s+/g, " ")
      .replace(/<\/?(p|h\d|li|item|tr|div|title|section|dt|dd|pre|br|table|ul|ol)\b[^>]*>/g, "\n")
      .replace(/<[^>]*>/g, ""),
  )
    .replace(/[ \t]*\n[ \t]*/g, "\n")
    .replace(/\n{2,}/g, "\n\n")
    .trim();

/** A manual page to prose: comments and requests go, what a request prints stays. */
const withoutRoff = (text) =>
  text
    .split("\n")
    .filter((line) => !/^[.']\s*(\\"|TH|ie|el|if|de|ds|so|nr|\.)/.test(line))
    .map((line) => line.replace(/^[.']\s*[A-Za-z]*\s*/, ""))
    .join("\n")
    .replace(/\\f(?:\[[^\]]*\]|\(..|.)/g, "")
    .replace(/\\\((?:lq|rq|dq)/g, '"')
    .replace(/\\(?:\([a-z]{2}|\[[^\]]*\])/g, "'")
    .replace(/\\[&|/,:)%^]/g, "")
    .replace(/\\(.)/g, "$1")
    .replace(/\n{2,}/g, "\n\n")
    .trim();

/** How a file becomes a text. */
const recipes = { asIs: (text) => text, markup: withoutMarkup, manual: withoutRoff };

/** The text of a file, cut where it is too long, never inside a character. */
function makeText(file, recipe) {
  const bytes = readFileSync(file);
  const plain = file.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  const text = recipes[recipe](plain.toString("utf8")).slice(0, MAX_LENGTH);
  return text.isWellFormed() ? text : text.slice(0, -1);
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");

const share = (text, letters) => (text.match(letters)?.length ?? 0) / text.length;

/** Where Debian keeps texts of a kind. `own` are letters that a translated text is full of. */
const manuals = (name, language) => ({
  name,
  files: new RegExp(`/man${language}/man\\d/[^/]*\\.gz$`),
  recipe: "manual",
});
const help = (language) => ({
  name: "gnome-user-docs",
  files: new RegExp(`/help/${language}/(gnome-help|system-admin-guide)/[^/]*\\.page$`),
  recipe: "markup",
});
const faq = (name) => ({ name, files: /\/FAQ\/[^/]*\/[^/]*\.html$/, recipe: "markup" });
const code = (name, files) => ({ name, files, recipe: "asIs" });
const han = /[\u3400-\u9fff]/g;

const debian = {
  english: {
    sources: [manuals("manpages", ""), help("C"), faq("debian-faq")],
  },
  german: { sources: [manuals("manpages-de", "/de"), help("de"), faq("debian-faq-de")] },
  french: { sources: [manuals("manpages-fr", "/fr"), help("fr"), faq("debian-faq-fr")] },
  russian: {
    sources: [manuals("manpages-ru", "/ru"), help("ru"), faq("debian-faq-ru")],
    own: /[\u0400-\u04ff]/g,
  },
  chinese: {
    sources: [manuals("manpages-zh", "/zh_CN"), help("zh_CN"), faq("debian-faq-zh-cn")],
    own: han,
  },
  japanese: {
    sources: [manuals("manpages-ja", "/ja"), help("ja"), faq("debian-faq-ja")],
    own: /[\u3041-\u30ff]/g,
  },
  korean: { sources: [help("ko"), faq("debian-faq-ko")], own: /[\uac00-\ud7af]/g },
  python: {
    sources: [
      code("libpython3.11-stdlib", /\/python3\.11\/.*\.py$/),
      code("python3-networkx", /\/networkx\/.*\.py$/),
    ],
  },
  c: {
    sources: [
      code("libcurl4-doc", /\/examples\/[^/]*\.c$/),
      code("lttng-modules-dkms", /\.[ch]$/),
      code("xtables-addons-dkms", /\.[ch]$/),
    ],
  },
  yaml: {
    sources: [
      code("netplan.io", /\.yaml$/),
      code("cloud-init", /\/examples\/cloud-config[^/]*\.txt$/),
    ],
  },
};

const npm = {
  typescript: /\.m?ts$/,
  markdown: /\.md$/,
  json: /\.json$/,
  yaml: /\.ya?ml$/,
};

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();

const run = promisify(execFile);

const packagesOfDebian = () => [
  ...new Set(Object.values(debian).flatMap(({ sources }) => sources.map(({ name }) => name))),
];

// The package lists are our own, so that no root is needed and no machine's lists are too old.
const aptOptions = [
  `Dir::State=${join(cache, "apt/state")}`,
  `Dir::Cache=${join(cache, "apt/cache")}`,
  "Acquire::Languages=none",
  "Acquire::http::Timeout=10",
  // Else it complains that its own user cannot write here.
  "APT::Sandbox::User=",
].flatMap((option) => ["-o", option]);

async function updateLists(signal) {
  for (const folder of ["state/lists/partial", "cache/archives/partial"]) {
    mkdirSync(join(cache, "apt", folder), { recursive: true });
  }
  await run("apt-get", [...aptOptions, "update"], { signal });
}

const isFetched = (name) => existsSync(join(cache, name));

/** Downloads packages and unpacks them; in one call, since each reads all the lists. */
async function download(names, work, signal) {
  const { stdout } = await run("apt-cache", [...aptOptions, "pkgnames"], {
    signal,
    maxBuffer: 64 * 1024 * 1024,
  });
  const known = new Set(stdout.split("\n"));
  const wanted = names.filter((name) => known.has(name));
  await run("apt-get", [...aptOptions, "download", ...wanted], { cwd: work, signal });
  for (const archive of readdirSync(work)) {
    const [name, version] = archive.split("_");
    const files = join(work, name);
    await run("dpkg-deb", ["-x", join(work, archive), files], { signal });
    writeFileSync(join(files, ".version"), decodeURIComponent(version));
    renameSync(files, join(cache, name));
  }
}

/** Gets the Debian packages that are not there yet. Tells why, if it cannot: offline, no Debian. */
async function fetchPackages() {
  const names = packagesOfDebian().filter((name) => !isFetched(name));
  if (names.length === 0) return;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  const signal = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  try {
    await updateLists(signal);
    await download(names, work, signal);
  } catch (error) {
    const reason = signal.aborted ? "out of time" : error.stderr || error.message;
    console.error(`Debian packages not fetched: ${reason.trim().split("\n").at(-1)}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** `name@version` of pnpm's folder; other folders carry peers, which differ between machines. */
const npmPackage = (folder) => /^(?<name>.+)@(?<version>\d[^_@]*)$/.exec(folder)?.groups;

// Weights may be fitted on texts of the other half.
const isForEvaluation = (name) => Number.parseInt(sha256(name).slice(0, 2), 16) % 2 === 0;

/** Where a listed text lies on this machine. */
function placeOf({ from, package: name, version, path }) {
  if (from === "debian") return join(cache, name, path);
  return join(installed, `${name.replace("/", "+")}@${version}`, "node_modules", name, path);
}

function* npmCandidates(files) {
  for (const folder of readdirSync(installed).toSorted()) {
    const { name, version } = npmPackage(folder) ?? {};
    // What is built for one platform is not installed on another.
    if (name === undefined || /linux|darwin|win32/.test(name)) continue;
    if (!isForEvaluation(name)) continue;
    const own = name.replace("+", "/");
    const place = join(installed, folder, "node_modules", own);
    for (const path of existsSync(place) ? filesBelow(place) : []) {
      if (files.test(path) && !path.startsWith("node_modules/")) {
        yield { from: "npm", package: own, version, path, recipe: "asIs" };
      }
    }
  }
}

function* debianCandidates({ name, files, recipe }) {
  const version = readFileSync(join(cache, name, ".version"), "utf8");
  for (const path of filesBelow(join(cache, name))) {
    if (files.test(`/${path}`)) yield { from: "debian", package: name, version, path, recipe };
  }
}

/** Every n-th of many, so that all of a package is represented. */
const evenly = (items, count) =>
  items.length <= count
    ? items
    : Array.from({ length: count }, (_, n) => items[Math.floor((n * items.length) / count)]);

function groupedByPackage(candidates) {
  const groups = new Map();
  for (const candidate of candidates) {
    const group = groups.get(candidate.package);
    if (group === undefined) groups.set(candidate.package, [candidate]);
    else group.push(candidate);
  }
  return groups;
}

/** Texts of a kind that are long enough and in its own letters, at most so many of one package. */
function chosen(candidates, own, count, perPackage) {
  const byPackage = groupedByPackage(candidates);
  const groups = [...byPackage.values()].map((group) => evenly(group, MAX_LOOKED_AT));
  const usable = groups.flatMap((group) =>
    evenly(
      group.filter((document) => {
        const text = makeText(placeOf(document), document.recipe);
        return text.length >= MIN_LENGTH && (own === undefined || share(text, own) > 0.3);
      }),
      perPackage,
    ),
  );
  return evenly(usable, count).map((document) => ({
    ...document,
    sha256: sha256(makeText(placeOf(document), document.recipe)),
  }));
}

/** The kinds with their texts, chosen anew. */
function choose() {
  const kinds = {};
  for (const [kind, { sources: from, own }] of Object.entries(debian)) {
    const perPackage = Math.ceil(PER_KIND / from.length) + 5;
    kinds[kind] = chosen(
      from.flatMap((source) => [...debianCandidates(source)]),
      own,
      PER_KIND,
      perPackage,
    );
  }
  for (const [kind, files] of Object.entries(npm)) {
    const found = chosen([...npmCandidates(files)], undefined, PER_KIND, 2);
    kinds[kind] = [...(kinds[kind] ?? []), ...found];
  }
  return kinds;
}

/** The listed texts that are here and unchanged, and why the others are not. */
function texts() {
  const { kinds } = JSON.parse(readFileSync(list, "utf8"));
  return Object.entries(kinds).flatMap(([kind, documents]) =>
    documents.map((document) => {
      const { package: name, version, path, recipe } = document;
      const about = { kind, package: name, version, path };
      const place = placeOf(document);
      if (!existsSync(place)) return { ...about, absent: "not on this machine" };
      const text = makeText(place, recipe);
      return sha256(text) === document.sha256
        ? { ...about, text }
        : { ...about, absent: "changed, the package has moved on" };
    }),
  );
}

const [, , action] = process.argv;
if (action === "fetch") await fetchPackages();
else if (action === "texts") process.stdout.write(JSON.stringify(texts()));
else if (action === "list") {
  writeFileSync(list, `${JSON.stringify({ kinds: choose() }, undefined, 2)}\n`);
} else throw new Error("usage: node scripts/estimator-corpus.js fetch | texts | list");
