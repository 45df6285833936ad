"""What a page that opens offline must not hold."""

import re

# Attributes that name something to load, with what they name.
LOADS = re.compile(r"""\s(?:src|href|srcset|action|poster)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")


def check_offline(page: str) -> None:
    """Check that a page names nothing to load, and forbids the browser to load anything."""
    # Scripts hold markup in texts, and the names of XML.
    markup = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    named = ["".join(each) for each in LOADS.findall(markup)]
    assert all(each.startswith(("data:", "#")) for each in named), named
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r"<script[^>]*\ssrc=", page)
