/** The files that the next message is to have: chosen, pasted or dropped, uploaded at once, kept for each room. */

import { make } from "./dom.js";

export class Uploads {
  #byId;
  #configuration;
  #onChange;
  #room = null;
  #lists = new Map(); // room → [{name, size, frame?, percent, error?, request?}]

  /** `onChange()` is called when what can be sent may have changed. */
  constructor({ byId, configuration, onChange }) {
    this.#byId = byId;
    this.#configuration = configuration;
    this.#onChange = onChange;
    if (!configuration.maxFileBytes) return;
    const chooser = byId("file-chooser");
    byId("attach").addEventListener("click", () => chooser.click());
    chooser.addEventListener("change", () => {
      this.add([...chooser.files]);
      chooser.value = ""; // so that the same can be chosen again
    });
    const composer = byId("composer");
    composer.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    const conversation = composer.parentNode;
    conversation.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
    conversation.addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
  }

  /** Switches to the files of this room. */
  show(room) {
    this.#room = room;
    this.#paint();
  }

  get isEmpty() {
    return this.#files.length === 0;
  }

  /** Whether all of them can be sent now. */
  get isReady() {
    return this.#files.every(({ frame }) => frame);
  }

  /** The files that the server has, which then belong to a message. */
  take() {
    const frames = this.#files.map(({ frame }) => frame);
    this.#lists.delete(this.#room);
    this.#paint();
    return frames;
  }

  /** Puts back what a message that was not sent had. */
  takeBack(frames) {
    this.#set([...frames.map((frame) => ({ ...frame, frame })), ...this.#files]);
  }

  /** Begins to upload these files. */
  add(files) {
    const { maxFiles, say } = this.#configuration;
    const room = this.#room;
    const free = maxFiles ? Math.max(0, maxFiles - this.#files.length) : files.length;
    const entries = files.slice(0, free).map((file) => this.#entry(file, room));
    this.#set([...this.#files, ...entries]);
    this.#byId("files-state").textContent = files.length > free ? say("tooManyFiles", { count: maxFiles }) : "";
  }

  #take(event, { files, types }) {
    if (!files.length || (event.type === "paste" && types.includes("text/plain"))) return; // a copied cell is text, too
    event.preventDefault();
    this.add([...files]);
  }

  get #files() {
    return this.#lists.get(this.#room) ?? [];
  }

  #set(files) {
    if (files.length) this.#lists.set(this.#room, files);
    else this.#lists.delete(this.#room);
    this.#paint();
  }

  #entry(file, room) {
    const { maxFileBytes, sayBytes, say } = this.#configuration;
    const entry = { name: file.name, size: file.size, percent: 0 };
    const tooLarge = say("fileTooLarge", { size: sayBytes(maxFileBytes) });
    if (file.size > maxFileBytes) return { ...entry, error: tooLarge };
    const changed = (values) => {
      Object.assign(entry, values);
      if (room === this.#room) this.#paint();
    };
    const refused = (error) => changed({ error: error.code === "too-large" ? tooLarge : this.#configuration.sayError(error) });
    entry.request = upload(file, this.#configuration, {
      onProgress: (percent) => changed({ percent }),
      onStored: (frame) => changed({ frame }),
      onRefused: refused,
    });
    return entry;
  }

  #remove(entry) {
    entry.request?.abort();
    this.#set(this.#files.filter((other) => other !== entry));
  }

  #paint() {
    const list = this.#byId("chosen-files");
    list.replaceChildren(...this.#files.map((entry) => this.#item(entry)));
    list.hidden = this.isEmpty;
    this.#onChange();
  }

  #item(entry) {
    const { say, sayBytes } = this.#configuration;
    const state = entry.error ?? (entry.frame ? sayBytes(entry.size) : say("uploaded", { percent: entry.percent }));
    const remove = make("button", { type: "button", class: "link-button" }, say("removeFile"));
    remove.ariaLabel = say("removeFileNamed", { name: entry.name });
    remove.addEventListener("click", () => this.#remove(entry));
    return make(
      "li",
      { class: entry.error ? "chosen failed-file" : "chosen" },
      make("bdi", { class: "chosen-name" }, entry.name),
      make("span", { class: "file-size", role: entry.error ? "alert" : "none" }, state),
      remove,
    );
  }
}

/** Uploads a file; fetch would not say how far it is. */
function upload(file, { urls, csrf }, { onProgress, onStored, onRefused }) {
  const [request, form] = [new XMLHttpRequest(), new FormData()];
  form.append("file", file, file.name);
  request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(Math.floor((100 * loaded) / total)));
  request.addEventListener("load", () => {
    if (request.status === 201) onStored(request.response);
    else onRefused(request.response ?? { code: "internal" });
  });
  request.addEventListener("error", () => onRefused({ code: "connection-lost" }));
  request.open("POST", urls.attachments);
  request.responseType = "json";
  request.setRequestHeader(csrf.header, csrf.token);
  request.send(form);
  return request;
}
