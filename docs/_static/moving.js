// A button that stops a moving picture, and starts it for readers who asked for less movement.
"use strict";

document.querySelectorAll("figure.moving").forEach((figure) => {
  const image = figure.querySelector("img");
  const source = figure.querySelector("source");
  const { moving, still } = figure.dataset;
  let running = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const button = document.createElement("button");
  button.type = "button";
  function show() {
    source?.remove();
    image.src = running ? moving : still;
    button.textContent = running ? "Pause" : "Play";
    button.setAttribute("aria-label", running ? "Pause the picture" : "Play the picture");
  }
  button.addEventListener("click", () => {
    running = !running;
    show();
  });
  button.textContent = running ? "Pause" : "Play";
  button.setAttribute("aria-label", running ? "Pause the picture" : "Play the picture");
  figure.querySelector("figcaption").before(button);
});
