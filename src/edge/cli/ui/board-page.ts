const escaped = (text: string): string => text.replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)

/** A page of a board, with the attributes that say what it reads; its style sheet is a file of its own, since the page allows no inline code. */
export const boardPage = (heading: string, attributes: Readonly<Record<string, string>>): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(heading)} · rx-discovery</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/board.js"></script>
</head>
<body>
<main>
<h1>${escaped(heading)}</h1>
<rx-discovery-board link ${Object.entries({ ...attributes, heading }).map(([name, value]) => `${name}="${escaped(value)}"`).join(' ')}></rx-discovery-board>
<noscript>The board needs JavaScript.</noscript>
</main>
</body>
</html>
`

/** Its style sheet. */
export const boardPageStyles = `html, body { margin: 0; height: 100% }
main { display: flex; min-height: 100% }
h1 { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%) }
rx-discovery-board { flex: 1; min-width: 0 }
`

/** Its icon: instances, one of them is down. */
export const boardIcon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="#1a7f4b" d="M1 1h6v6h-6zM9 1h6v6h-6zM1 9h6v6h-6z"/><path fill="#c4242f" d="M9 9h6v6h-6z"/></svg>`
