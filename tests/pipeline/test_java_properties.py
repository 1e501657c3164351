"""Reading .properties as Java does: a table of sentences, and java.util.Properties itself as the judge."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.pipeline.java_properties import PropertiesError, parse
from tests import needs

READ = {
    "a key and a value": ("topics=orders", {"topics": "orders"}),
    "a colon will do": ("topics:orders", {"topics": "orders"}),
    "so will a blank": ("topics orders", {"topics": "orders"}),
    "blanks around the sign go": ("  topics \t= \forders", {"topics": "orders"}),
    "one sign only": ("a==b", {"a": "=b"}),
    "a blank, then a sign": ("a :b", {"a": "b"}),
    "blanks at the end stay": (
        "hostname=ch.example \nport=8443",
        {"hostname": "ch.example ", "port": "8443"},
    ),
    "a no-break space is a letter": ("class=\u00a0Sink", {"class": "\u00a0Sink"}),
    "a zero-width space too": ("class=Sink\u200b", {"class": "Sink\u200b"}),
    "a line separator is no line's end": ("a=b\u2028c=d", {"a": "b\u2028c=d"}),
    "comments": ("# one\n ! two\na=b", {"a": "b"}),
    "a sign for comments inside a value": ("a=b # c", {"a": "b # c"}),
    "a line that goes on": ("a=one,\\\n    two", {"a": "one,two"}),
    "a comment does not go on": ("# a \\\nb=c", {"b": "c"}),
    "what goes on may look like a comment": ("a=b\\\n#c", {"a": "b#c"}),
    "two backslashes are one, and no continuation": ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
    "escapes": (r"a=\t\n\r\f\z\\", {"a": "\t\n\r\fz\\"}),
    "code points": (r"a=\u00e9\uD83D\uDE00", {"a": "é😀"}),
    "an escaped sign belongs to the key": (r"a\=b\:c\ d=e", {"a=b:c d": "e"}),
    "no value": ("a\nb=", {"a": "", "b": ""}),
    "no key": ("=b", {"": "b"}),
    "the last one of the same wins": ("a=1\na=2", {"a": "2"}),
    "every kind of line's end": ("a=1\r\nb=2\rc=3\nd=4", {"a": "1", "b": "2", "c": "3", "d": "4"}),
    "a backslash at the very end": ("a=b\\", {"a": "b"}),
    "nothing but a backslash at the end": ("a=b\n\\", {"a": "b", "": ""}),
    "the same before a line feed": ("a=b\n\\\n", {"a": "b", "": ""}),
    "the same before a carriage return": ("a=b\r\\\r", {"a": "b", "": ""}),
    "the same before both": ("a=b\r\n\\\r\n", {"a": "b"}),
    "a backslash after a key, before both": ("a=b\r\nc\\\r\n", {"a": "b", "c": ""}),
    "nothing": ("\n \n", {}),
}


@pytest.mark.parametrize("case", READ)
def test_it_is_read_as_java_reads_it(case: str) -> None:
    text, wanted = READ[case]
    assert parse(text) == wanted


@pytest.mark.parametrize("text", ["a=1\nb=\\u12", "a=1\nb=\\uwxyz", "a=1\nb=c\\\n\\u00"])
def test_what_java_refuses_is_an_error_with_its_line_and_no_value(text: str) -> None:
    with pytest.raises(PropertiesError, match=r"^line 2: .u must be followed by four hexadecimal digits"):
        parse(text)


JUDGE = """
import java.io.*; import java.nio.charset.StandardCharsets; import java.util.*;
public class Judge { public static void main(String[] a) throws Exception {
  BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
  for (String line; (line = in.readLine()) != null; ) {
    StringBuilder text = new StringBuilder();
    for (String unit : line.split(",")) if (!unit.isEmpty()) text.append((char) Integer.parseInt(unit));
    Properties p = new Properties(); StringBuilder out = new StringBuilder();
    try { p.load(new StringReader(text.toString())); }
    catch (IllegalArgumentException e) { out.append("refused"); }
    if (out.length() == 0) for (String k : new TreeSet<>(p.stringPropertyNames())) {
      for (char c : k.toCharArray()) out.append((int) c).append(','); out.append('=');
      for (char c : p.getProperty(k).toCharArray()) out.append((int) c).append(','); out.append(';');
    }
    System.out.println(out);
  } } }
"""
TEXTS = st.text(alphabet="ab=: \t\f\r\n\\\\\\#!u0041tnrz\u00a0é", max_size=24)


@pytest.mark.timeout(120)
def test_java_itself_reads_the_same(tmp_path: Path) -> None:
    needs.program("java", "openjdk-17-jdk-headless")
    texts = [text for text, _ in READ.values()]

    @settings(max_examples=1000, database=None, deadline=None)
    @given(TEXTS)
    def collect(text: str) -> None:
        texts.append(text)

    collect()
    source = tmp_path / "Judge.java"
    source.write_text(JUDGE)
    lines = "\n".join(",".join(map(str, units(text))) for text in texts) + "\n"
    done = subprocess.run(
        ["java", str(source)], input=lines, capture_output=True, text=True, timeout=90, check=True
    )
    verdicts = done.stdout.split("\n")[: len(texts)]
    for text, verdict in zip(texts, verdicts, strict=True):
        assert ours(text) == verdict, json.dumps(text)


def units(text: str) -> list[int]:
    """UTF-16 code units, as Java counts."""
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[i : i + 2], "little") for i in range(0, len(data), 2)]


def ours(text: str) -> str:
    try:
        found = parse(text)
    except PropertiesError:
        return "refused"
    return "".join(
        "".join(f"{u}," for u in units(k)) + "=" + "".join(f"{u}," for u in units(v)) + ";"
        for k, v in sorted(found.items(), key=lambda item: units(item[0]))
    )
