/** What the server put into this page: user, limits, texts, templates; and what this tab stores. */

const data = JSON.parse(document.getElementById("page-data").textContent);

export const { me, room: firstRoom, language, maxContentChars, urls } = data;

const pluralRules = new Intl.PluralRules(language);

export const byId = (id) => document.getElementById(id);

/** A text in the page's language, `{name}` replaced by values.name; by `values.count` if it has a plural. */
export function say(key, values = {}) {
  const entry = data.texts[key];
  const text = typeof entry === "string" ? entry : (entry[pluralRules.select(values.count)] ?? entry.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** The text of an error, by its stable code. */
export const sayError = ({ code }) => data.texts.errors[code] ?? data.texts.errors.internal;

/** A user's name; deleted users have the id 0. */
export const sayName = ({ id, username }) => (id === "0" ? say("somebody") : username);

/** Why the server closed the connection for good. */
export const sayClosed = (code) => data.texts.closed[code] ?? data.texts.closed.other;

/** A new copy of one of the page's templates. */
export const piece = (name) => byId(`${name}-piece`).content.firstElementChild.cloneNode(true);

/** Fills an avatar: the name's first letter on one of eight colours, the same for the same person everywhere. */
export function paintAvatar(element, { id, username }) {
  const [initial = "?"] = username;
  element.textContent = initial.toLocaleUpperCase();
  element.dataset.colour = [...id].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 8, 7);
}

const storageKey = (key) => `chat.${me.id}.${key}`;

/** What this tab remembers under a key, or `fallback`. */
export function recall(key, fallback) {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey(key))) ?? fallback;
  } catch {
    return fallback; // storage may be forbidden
  }
}

/** Remembers a value in this tab, through a reload; an empty one is forgotten. */
export function remember(key, value) {
  try {
    if (value.length) sessionStorage.setItem(storageKey(key), JSON.stringify(value));
    else sessionStorage.removeItem(storageKey(key));
  } catch {
    // The page works without storage.
  }
}
