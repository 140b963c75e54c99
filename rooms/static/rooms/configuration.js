/** What the server says before anything else: user, limits, texts in the reader's language, and every address. */

import { Times } from "./times.js";

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
const fetched = new Map(); // address → promise of a Configuration
let ofPage = null;

export class Configuration {
  #texts;
  #pluralRules;

  /** `data` is what the server's `config/` answers. */
  constructor({ me, language, maxContentChars, urls, texts }) {
    Object.assign(this, { me, language, maxContentChars, urls });
    this.#texts = texts;
    this.#pluralRules = new Intl.PluralRules(language);
    this.times = new Times(this);
  }

  /** A text in the reader's language, `{name}` replaced by values.name; by `values.count` if it has a plural. */
  say = (key, values = {}) => {
    const entry = this.#texts[key];
    const text = typeof entry === "string" ? entry : (entry[this.#pluralRules.select(values.count)] ?? entry.other);
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  };

  /** The text of an error, by its stable code. */
  sayError = ({ code }) => this.#texts.errors[code] ?? this.#texts.errors.internal;

  /** Why the server closed the connection for good. */
  sayClosed = (code) => this.#texts.closed[code] ?? this.#texts.closed.other;

  /** A user's name; deleted users have the id 0. */
  sayName = ({ id, username }) => (id === "0" ? this.say("somebody") : username);
}

/** Nobody is signed in: `message` is for the reader, `urls` has `signIn` and `styles`. */
export class NotSignedIn extends Error {
  constructor({ error, urls }) {
    super(error);
    Object.assign(this, { name: "NotSignedIn", urls });
  }
}

/** The configuration in the page, written by the server as <script type="application/json" id="chat-config">. */
export function configurationOfPage() {
  const script = document.getElementById("chat-config");
  if (!script) throw new Error("A chat needs the attribute config, or a script chat-config in the page");
  return (ofPage ??= new Configuration(JSON.parse(script.textContent)));
}

/**
 * The configuration at an address, fetched once for all who ask; while the server does not answer it is asked again.
 * Rejects with NotSignedIn; whoever asks after that makes it fetch again.
 */
export function configurationAt(address) {
  if (!fetched.has(address)) {
    const found = fetchConfiguration(address);
    found.catch(() => fetched.delete(address));
    fetched.set(address, found);
  }
  return fetched.get(address);
}

async function fetchConfiguration(address) {
  for (let retryInMs = FIRST_RETRY_MS; ; retryInMs = Math.min(2 * retryInMs, LAST_RETRY_MS)) {
    const response = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    if (response?.ok) return new Configuration(await response.json());
    if (response?.status === 401) throw new NotSignedIn(await response.json());
    await new Promise((resolve) => setTimeout(resolve, retryInMs));
  }
}
