// Keeps the files of one version of the page, so that it opens with no network. What concerns people is kept by the page, not here.

const CACHE = `swabmesh-resident-${VERSION}`;

self.addEventListener("install", (event) => {
  // "reload": not what the browser remembers of an older program.
  const files = SHELL.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll(files)).then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("swabmesh-resident-") && name !== CACHE;
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin || !SHELL.includes(pathname)) return;
  // All files of one version: a mixture of two programs is worse than yesterday's.
  event.respondWith(caches.open(CACHE).then((cache) => cache.match(pathname)).then((kept) => kept ?? fetch(event.request)));
});
