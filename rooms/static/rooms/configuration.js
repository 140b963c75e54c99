/** What the server says before anything else: user, limits, texts in the reader's language, and every address. */

import { Times } from "./times.js";

const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const UNITS = [
  { name: "megabyte", from: 2 ** 20 },
  { name: "kilobyte", from: 2 ** 10 },
  { name: "byte", from: 1 },
];
let ofPage = null;

/** A name or text of a user's within another text, of which it turns nothing around. */
export function isolated(value) {
  const text = String(value).replace(CONTROLS, "");
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

export class Configuration {
  #texts;
  #pluralRules;

  /** `data` is what the server's `config/` answers. */
  constructor({ me, language, namedBy, urls, texts, ...limits }) {
    Object.assign(this, { me, language, namedBy, urls, ...limits });
    this.#texts = texts;
    this.#pluralRules = new Intl.PluralRules(language);
    this.times = new Times(this);
  }

  /** A text in the reader's language, `{name}` replaced by values.name; by `values.count` if it has a plural. */
  say = (key, values = {}) => {
    const entry = this.#texts[key];
    const text = typeof entry === "string" ? entry : (entry[this.#pluralRules.select(values.count)] ?? entry.other);
    return text.replace(/\{(\w+)\}/g, (_, name) => isolated(values[name]));
  };

  /** The size of a file. */
  sayBytes = (bytes) => {
    const unit = UNITS.find(({ from }) => bytes >= from) ?? UNITS.at(-1);
    const options = { style: "unit", unit: unit.name, unitDisplay: "short", maximumFractionDigits: bytes < 10 * unit.from ? 1 : 0 };
    return new Intl.NumberFormat(this.language, options).format(bytes / unit.from);
  };

  /** The text of an error, by its stable code, or by its reason where one code has several. */
  sayError = ({ code, reason }) =>
    this.#texts.errors[reason] ?? this.#texts.errors[code] ?? this.#texts.errors.internal;

  /** Why the server closed the connection for good. */
  sayClosed = (code) => this.#texts.closed[code] ?? this.#texts.closed.other;

  /** What a command names a user by: names that a project's function gives may belong to several. */
  reference = (user) => user[this.namedBy];

  /** A user's name; deleted users have the id 0. */
  sayName = ({ id, username }) => (id === "0" ? this.say("somebody") : username);
}

/** The configuration in the page, written by the server as <script type="application/json" id="chat-config">. */
export function configurationOfPage() {
  const script = document.getElementById("chat-config");
  if (!script) throw new Error("A chat needs the attribute config, or a script chat-config in the page");
  return (ofPage ??= new Configuration(JSON.parse(script.textContent)));
}
