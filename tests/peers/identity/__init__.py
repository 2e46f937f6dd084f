"""A real identity provider, which tests start: the npm package `oidc-provider`."""
