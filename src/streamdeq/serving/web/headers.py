"""Headers of every answer: nothing is kept, embedded, guessed or fetched from elsewhere."""


def secure_headers(scripts: str, styles: str) -> dict[str, str]:
    """The headers of an answer whose page has its scripts and styles from `'self'` or `'unsafe-inline'`."""
    policy = (
        "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
        f"style-src {styles}; script-src {scripts}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": policy,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
