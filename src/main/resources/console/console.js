// A guest's display. The page's query says where it is, as noVNC's own pages have it: "path" is the websocket's path and
// query with the token; "title" is what a dashboard calls the server.
import RFB from './core/rfb.js';

const ENTER = 0xff0d;
const TAB = 0xff09;
const UNICODE = 0x01000000; // X11's keysyms beyond Latin-1

const element = id => document.getElementById(id);
const query = new URLSearchParams(location.search);
const title = query.get('title');
let wasConnected = false;

function say(state, text) {
  element('status').dataset.state = state;
  element('status').textContent = text;
}

function call(name) {
  element('name').textContent = name;
  document.title = `${name} – console`;
}

function address() {
  const url = new URL(query.get('path') ?? `?token=${query.get('token') ?? ''}`, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.host = location.host; // a link cannot send the browser elsewhere
  url.hash = '';
  return url;
}

function keysym(character) {
  const code = character.codePointAt(0);
  switch (character) {
    case '\n': return ENTER;
    case '\t': return TAB;
    default: return code <= 0xff ? code : UNICODE | code;
  }
}

if (title) {
  call(title);
}
const rfb = new RFB(element('screen'), address().href);
rfb.scaleViewport = true;
rfb.background = 'transparent';

rfb.addEventListener('connect', () => {
  wasConnected = true;
  say('connected', 'Connected');
  element('cad').disabled = element('type').disabled = false;
  rfb.focus();
});
rfb.addEventListener('desktopname', event => {
  if (!title) {
    call(event.detail.name);
  }
});
rfb.addEventListener('securityfailure', event =>
  say('closed', `The display refused: ${event.detail.reason ?? 'status ' + event.detail.status}`));
rfb.addEventListener('disconnect', event => {
  element('cad').disabled = element('type').disabled = true;
  if (!wasConnected) {
    say('closed', 'Not connected: the link may have expired, or the server does not run. Get a new link with '
      + '“openstack console url show”.');
  } else {
    say('closed', event.detail.clean ? 'The display was closed: the server was stopped, or its host went away.'
      : 'The connection was lost. Reload the page, or get a new link with “openstack console url show”.');
  }
});

element('cad').addEventListener('click', () => { rfb.sendCtrlAltDel(); rfb.focus(); });
element('fit').addEventListener('click', () => {
  rfb.scaleViewport = !rfb.scaleViewport;
  element('fit').setAttribute('aria-pressed', String(rfb.scaleViewport));
  rfb.focus();
});
element('full').addEventListener('click', () => {
  if (document.fullscreenElement) {
    document.exitFullscreen();
  } else {
    document.documentElement.requestFullscreen();
  }
  rfb.focus();
});
element('type').addEventListener('click', () => { element('text').value = ''; element('typing').showModal(); });
element('typing').addEventListener('close', () => {
  if (element('typing').returnValue === 'type') {
    for (const character of element('text').value) {
      rfb.sendKey(keysym(character), null);
    }
  }
  rfb.focus();
});
