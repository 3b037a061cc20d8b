import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";

import { describe, expect, test } from "@jest/globals";
import { estimateText } from "@tollgate/core/llm";
import { encode as encodeCl100k } from "gpt-tokenizer/encoding/cl100k_base";
import { encode as encodeO200k } from "gpt-tokenizer/encoding/o200k_base";

const script = join(import.meta.dirname, "../scripts/estimator-corpus.js");
const isLong = process.env["TOLLGATE_TEST_SIZE"] === "long";

/** Fewer texts of a kind say nothing about it. */
const MIN_DOCUMENTS = 30;

interface Listed {
  readonly kind: string;
  readonly package: string;
  readonly path: string;
  readonly text?: string;
  /** Why there is no text. */
  readonly absent?: string;
}

interface Judged extends Listed {
  /** Estimated against exact tokens, as a fraction; negative is too low. */
  readonly error: number;
}

const plain = { disallowedSpecial: new Set<string>() };
const exactTokens = (text: string): number => encodeO200k(text, plain).length;
const errorOf = (text: string): number => estimateText(text) / exactTokens(text) - 1;

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const meanError = (texts: readonly Judged[]): number =>
  mean(texts.map(({ error }) => Math.abs(error)));

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function listedTexts(): readonly Listed[] {
  // Does nothing once the texts are here; what it cannot get is told below, kind by kind.
  const fetch = spawnSync(process.execPath, [script, "fetch"], { encoding: "utf8" });
  if (fetch.stderr !== "") say(fetch.stderr.trim());
  const { stdout } = spawnSync(process.execPath, [script, "texts"], {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  return JSON.parse(stdout);
}

const listed = listedTexts();
const kinds = [...new Set(listed.map(({ kind }) => kind))];

const judged: readonly Judged[] = listed.flatMap((document) =>
  document.text === undefined ? [] : [{ ...document, error: errorOf(document.text) }],
);

/** How many texts of a kind are missing, by the reason. */
function missing(kind: string): string {
  const reasons = new Map<string, number>();
  for (const { absent, ...document } of listed) {
    if (document.kind !== kind || absent === undefined) continue;
    reasons.set(absent, (reasons.get(absent) ?? 0) + 1);
  }
  return [...reasons].map(([reason, count]) => `${String(count)} ${reason}`).join(", ");
}

describe("on documents that the weights were not fitted on, against o200k", () => {
  test("the list has at least 30 of every kind", () => {
    const expected =
      "c chinese english french german japanese json korean markdown python russian typescript yaml";
    expect(kinds.toSorted().join(" ")).toBe(expected);
    for (const kind of kinds) {
      const count = listed.filter((document) => document.kind === kind).length;
      expect(count).toBeGreaterThanOrEqual(MIN_DOCUMENTS);
    }
  });

  for (const kind of kinds) {
    const texts = judged.filter((document) => document.kind === kind);
    const enough = texts.length >= MIN_DOCUMENTS;
    const lacks = missing(kind);
    if (!enough) say(`SKIPPED: estimator on ${kind}: ${lacks}`);
    else if (lacks !== "") say(`estimator on ${kind}: not judged are ${lacks}`);

    // A long run has to be complete: there the absence is the failure.
    const suite = enough || isLong ? describe : describe.skip;
    suite(kind, () => {
      test("is off by at most 15 % on average", () => {
        expect(texts.length).toBeGreaterThanOrEqual(MIN_DOCUMENTS);
        const errors = texts.map(({ error }) => error);
        const range = `${percent(Math.min(...errors))} to ${percent(Math.max(...errors))}`;
        say(
          `estimator on ${kind}: ${percent(meanError(texts))} off, bias ${percent(mean(errors))}, ${range}, ${String(texts.length)} texts`,
        );
        expect(meanError(texts)).toBeLessThanOrEqual(0.15);
      });
    });
  }

  test("all are off by at most 8 % on average, and none is more than 40 % too low", () => {
    // Mere presence of some kinds must not decide the mean: each counts the same.
    const present = kinds.filter((kind) => judged.some((document) => document.kind === kind));
    const errors = present.map((kind) =>
      meanError(judged.filter((document) => document.kind === kind)),
    );
    say(`estimator on ${String(judged.length)} texts: ${percent(mean(errors))} off`);
    expect(present.length).toBeGreaterThan(0);
    expect(mean(errors)).toBeLessThanOrEqual(0.08);
    expect(judged.filter(({ error }) => error < -0.4).map(({ path }) => path)).toStrictEqual([]);
  });
});

/** Bytes that look random and are always the same. */
function noise(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, block) =>
    createHash("sha256").update(String(block)).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

const from = (alphabet: string, length: number): string => {
  const characters = Array.from(alphabet);
  return Array.from(noise(length), (byte) => characters[byte % characters.length]).join("");
};

const letters = "abcdefghijklmnopqrstuvwxyz";
const inWords = (length: number): string =>
  from(letters, 6000).replaceAll(new RegExp(`.{${String(length)}}`, "g"), "$& ");

describe("on base64", () => {
  const bytes = noise(6000);
  test.each([
    ["one line", bytes.toString("base64")],
    ["lines of 76", bytes.toString("base64").replaceAll(/.{76}/g, "$&\n")],
    ["base64url", bytes.toString("base64url")],
    ["of text", Buffer.from("The quick brown fox jumps. ".repeat(200)).toString("base64")],
  ])("%s is off by at most 15 %%", (_, text) => {
    expect(Math.abs(errorOf(text))).toBeLessThanOrEqual(0.15);
  });
});

// Apart, because no weights can be right about it: what it costs depends on what is rare.
describe("on text made to mislead", () => {
  const rare = Array.from({ length: 4000 }, (_, at) => String.fromCharCode(0x3400 + at)).join("");
  test.each([
    ["random words of 6 letters", inWords(6)],
    ["random words of 30 letters", inWords(30)],
    ["rare CJK", rare],
    ["one letter", "a".repeat(6000)],
    ["one capital", "A".repeat(6000)],
    ["dashes", "-".repeat(6000)],
    ["line ends", "\n".repeat(6000)],
    ["spaces", " ".repeat(6000)],
    ["random punctuation", from("!@#$%^&*()_+-=[]{}|;:,.<>?", 6000)],
    ["hexadecimal", noise(3000).toString("hex")],
    ["emoji", from("😀🎉🚀🔥🦊🍕⚽🎸🧠🏔", 3000)],
    ["special tokens", "<|endoftext|>".repeat(500)],
  ])(
    "%s cost at least a fifth of the truth, and twice as much for twice the text",
    (name, text) => {
      const chunks = text.match(/[^]{1,1000}/g) ?? [];
      const exact = chunks.reduce((sum, chunk) => sum + exactTokens(chunk), 0);
      const estimate = estimateText(text);
      say(`estimator on ${name}: ${percent(estimate / exact - 1)}`);
      expect(estimate).toBeGreaterThan(exact / 5);
      expect(estimateText(text + text) / estimate).toBeCloseTo(2, 1);
    },
  );
});

describe("D-LLM-02: prose in scripts of all kinds", () => {
  // Article 1 of the Universal Declaration of Human Rights.
  const articles = {
    en: "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.",
    zh: "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    ja: "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    ko: "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
    th: "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ",
    ru: "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    ar: "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميراً وعليهم أن يعامل بعضهم بعضاً بروح الإخاء.",
    de: "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
  };

  test.each(Object.entries(articles))("%s is within 30 %% of o200k and of cl100k", (_, text) => {
    const old = encodeCl100k(text, plain).length;
    say(
      `estimator on article 1: ${percent(errorOf(text))}, cl100k ${percent(estimateText(text, "cl100k") / old - 1)}`,
    );
    expect(Math.abs(errorOf(text))).toBeLessThanOrEqual(0.3);
    expect(Math.abs(estimateText(text, "cl100k") / old - 1)).toBeLessThanOrEqual(0.3);
  });

  test("a long text without spaces is not one token", () => {
    const text = articles.zh.repeat(100);
    expect(Math.abs(errorOf(text))).toBeLessThanOrEqual(0.3);
  });
});
