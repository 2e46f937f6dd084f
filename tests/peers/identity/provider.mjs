/* A real OpenID provider for tests: panva's oidc-provider, on a port of this machine.
 *
 * Its clients and people are its first argument, as JSON. It tells its issuer on standard output,
 * is told by lines of JSON on standard input, each of which it answers, and ends with that.
 */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider, { errors } from 'oidc-provider';

console.info = console.error; // standard output is for answers
const told = JSON.parse(process.argv[2]);
const KINDS = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }] };
let keys = [key('first', 'RS256'), key('curve', 'ES256')];
let provider;
let isDown = false;
const asked = {};

function key(kid, alg) {
  const { privateKey } = generateKeyPairSync(...KINDS[alg]);
  return { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

function resource(ctx, indicator) {
  if (![told.audience, told.other_audience].includes(indicator)) throw new errors.InvalidTarget();
  return {
    scope: 'mesh.read',
    accessTokenFormat: 'jwt',
    audience: indicator,
    accessTokenTTL: told.token_seconds,
    jwt: { sign: { alg: 'RS256' } },
  };
}

function made(issuer) {
  return new Provider(issuer, {
    clients: told.clients,
    jwks: { keys },
    cookies: { keys: ['of the tests'] },
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['groups', 'carrier'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    ttl: { DeviceCode: told.device_seconds, IdToken: 600, Session: 3600, Interaction: 600, Grant: 3600 },
    findAccount: (ctx, id) => told.people[id] && {
      accountId: id,
      claims: () => ({ sub: id, ...told.people[id] }),
    },
    extraTokenClaims: (ctx, token) => told.people[token.accountId] ?? told.services[token.clientId],
    issueRefreshToken: (ctx, client, code) => code.scopes.has('offline_access'),
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => told.audience,
        useGrantedResource: () => true,
        getResourceServerInfo: resource,
      },
    },
  });
}

/* Who signs in is the parameter `login_hint`, and everything that is asked for is agreed to. */
async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const { params, prompt, session } = details;
  let result;
  if (prompt.name === 'login') {
    result = { login: { accountId: params.login_hint ?? told.default_person } };
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addResourceScope(told.audience, 'mesh.read');
    grant.addResourceScope(told.other_audience, 'mesh.read');
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function answer(request, response) {
  const path = request.url.split('?')[0];
  asked[path] = (asked[path] ?? 0) + 1;
  if (isDown) {
    response.writeHead(503).end();
  } else if (path.startsWith('/interaction/')) {
    await interact(request, response);
  } else {
    await provider.callback()(request, response);
  }
}

const listener = createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
});

const ORDERS = {
  asked: () => asked,
  down: () => { isDown = true; },
  up: () => { isDown = false; },
  public: () => keys.map(({ d, p, q, dp, dq, qi, ...shown }) => shown),
  private: () => keys,
  rotate: ({ kid, keep }) => {
    keys = [key(kid, 'RS256'), ...(keep ? keys : [key('curve', 'ES256')])];
    provider = made(provider.issuer);
  },
  device_seconds: ({ seconds }) => {
    told.device_seconds = seconds;
    provider = made(provider.issuer);
  },
};

listener.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${listener.address().port}`;
  provider = made(issuer);
  console.log(JSON.stringify({ issuer }));
});
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const order = JSON.parse(line);
    console.log(JSON.stringify({ done: ORDERS[order.order](order) ?? null }));
  })
  .on('close', () => process.exit(0));
