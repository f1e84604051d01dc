/* What the phone keeps: who signed in, and what waits to be sent. */
let opened = null;

function open() {
  opened ||= new Promise((done, failed) => {
    const asked = indexedDB.open("onemap-micro", 1);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("kept");
      asked.result.createObjectStore("queue", { keyPath: "seq", autoIncrement: true });
    };
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
  return opened;
}

/* Resolves only when what was written is on the disk. */
async function run(store, mode, work) {
  const db = await open();
  return new Promise((done, failed) => {
    const unit = db.transaction(store, mode, { durability: "strict" });
    const asked = work(unit.objectStore(store));
    unit.oncomplete = () => done(asked.result);
    unit.onabort = unit.onerror = () => failed(unit.error);
  });
}

export const kept = (key) => run("kept", "readonly", (store) => store.get(key));
export const keep = (key, value) => run("kept", "readwrite", (store) => store.put(value, key));
export const drop = (key) => run("kept", "readwrite", (store) => store.delete(key));
export const entries = () => run("queue", "readonly", (store) => store.getAll());
export const put = (entry) => run("queue", "readwrite", (store) => store.put(entry));
export const remove = (seq) => run("queue", "readwrite", (store) => store.delete(seq));
