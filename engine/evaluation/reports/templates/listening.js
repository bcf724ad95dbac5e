const audio = new Audio();
let on = null;
function stop() {
  audio.pause();
  if (on) { on.classList.remove("on"); on.setAttribute("aria-pressed", "false"); }
  on = null;
}
function follow() {
  if (!on) return;
  const share = audio.currentTime / Number(on.dataset.seconds);
  on.querySelector("i").style.left = Math.min(100, 100 * share) + "%";
  requestAnimationFrame(follow);
}
audio.addEventListener("ended", stop);
for (const link of document.querySelectorAll(".play")) {
  link.setAttribute("role", "button");
  link.setAttribute("aria-pressed", "false");
  const toggle = (event) => {
    event.preventDefault();
    const again = on === link;
    stop();
    if (again) return;
    on = link;
    audio.src = link.href;
    audio.play().then(() => {
      link.classList.add("on");
      link.setAttribute("aria-pressed", "true");
      follow();
    }, () => { if (on === link) { on = null; location.href = link.href; } });
  };
  link.addEventListener("click", toggle);
  link.addEventListener("keydown", (event) => { if (event.key === " ") toggle(event); });
}
