// Keeps the monitoring page up to date. Everything it shows is set as text: a user name is never markup.

const EVERY_MS = 3000;
const TIMEOUT_MS = 10000;
const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const megabytes = new Intl.NumberFormat(language, { style: "unit", unit: "megabyte", maximumFractionDigits: 0 });
const moments = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
const by = (id) => document.getElementById(id);

function duration(seconds) {
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
}

const units = { bytes: (value) => megabytes.format(value / 1e6), seconds: duration, name: String };

function number(element, metrics) {
  const value = element.dataset.number.split(".").reduce((part, key) => part?.[key], metrics);
  const format = units[element.dataset.unit] ?? whole.format;
  element.textContent = value === undefined ? "–" : format(value);
}

/** A user's text, which turns nothing around it. */
function isolated(text) {
  const element = document.createElement("bdi");
  element.textContent = text;
  return element;
}

function row(cells) {
  const line = document.createElement("tr");
  for (const text of cells) line.insertCell().append(text);
  return line;
}

function table(name, count, rows) {
  by(`${name}-count`).textContent = whole.format(count);
  by(`${name}-empty`).hidden = count > 0;
  by(name).replaceChildren(...rows.map(row));
  if (count > rows.length) by(name).append(row([`+${whole.format(count - rows.length)}`, "", ""]));
}

function names({ members, memberCount }) {
  const more = memberCount - members.length;
  const cell = document.createDocumentFragment();
  for (const [index, member] of members.entries()) cell.append(index ? ", " : "", isolated(member));
  cell.append(more > 0 ? `, +${whole.format(more)}` : "");
  return cell;
}

function reason(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

function show({ status, statusLabel, reasons, workers, metrics, online, rooms }) {
  by("status").textContent = statusLabel;
  by("status").dataset.status = status;
  by("reasons").replaceChildren(...reasons.map(reason));
  by("workers").textContent = whole.format(workers);
  by("one-process").hidden = workers > 1;
  by("all-processes").hidden = by("state-of-one").hidden = workers === 1;
  by("updated").textContent = moments.format(new Date(metrics.timestamp));
  for (const element of document.querySelectorAll("[data-number]")) number(element, metrics);
  table("online", online.count, online.people.map((person) => [
    isolated(person.username), moments.format(new Date(person.authenticatedAt)), person.address,
  ]));
  table("rooms", rooms.count, rooms.rooms.map((room) => [isolated(room.id), whole.format(room.memberCount), names(room)]));
}

async function refresh() {
  const response = await fetch(by("monitoring").dataset.url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (response.status === 403) return location.reload(); // signed out meanwhile: the page leads to the sign-in
  if (!response.ok) throw new Error(`status ${response.status}`);
  show(await response.json());
}

async function keepFresh() {
  if (!document.hidden) {
    by("stale").hidden = await refresh().then(() => true, () => false);
  }
  setTimeout(keepFresh, EVERY_MS);
}

keepFresh();
