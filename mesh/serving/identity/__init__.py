"""Who somebody is by the word of an identity provider (OpenID Connect)."""
