"""Small bugs in Swift sources, each of them written so that a running program chooses which one it
has: a tree with all of them is built once.

A comparison `a < b` that a mutant turns into `a <= b` becomes `a <^~ b`, where `<^~` is an operator
of its own that does one or the other; a number becomes `Mutation.pick(7, 12, 13)`; a statement is
left out by `if !Mutation.on(7) { … }`. What cannot be written so, since the compiler needs to know
it (a pattern, a raw value), does not compile and is no mutant.
"""
import os
import random
import re
from dataclasses import dataclass

SWAPS = [
    (r"(?<= )<(?= )", ["<=", ">="]), (r"(?<= )<=(?= )", ["<", ">"]), (r"(?<= )>(?= )", [">=", "<="]),
    (r"(?<= )>=(?= )", [">", "<"]), (r"(?<= )==(?= )", ["!="]), (r"(?<= )!=(?= )", ["=="]),
    (r"(?<= )&&(?= )", ["||"]), (r"(?<= )\|\|(?= )", ["&&"]), (r"(?<= )\+(?= )", ["-"]),
    (r"(?<= )-(?= )", ["+"]), (r"(?<= )\+=(?= )", ["-="]), (r"(?<= )-=(?= )", ["+="]),
]
WORDS = [(r"\btrue\b", "false"), (r"\bfalse\b", "true")]
CALLS = [(r"\bmin(?=\()", "max"), (r"\bmax(?=\()", "min")]
NUMBER = re.compile(r"(?<![\w.\"$<])(\d[\d_]*)(?![\w.\"x])")
STATEMENT = re.compile(
    r"^(\s+)((?:[a-z]\w*(?:\.\w+)*\(.*\)|[a-z][\w.\[\]]* [-+|&]?= .*[^{(,]))$")
CONDITION = re.compile(r"^(\s*(?:if|guard|while) )([^,{]*?)( \{| else \{)(.*)$")
CASES = re.compile(r"(?:= |return |enter\(|: )(\.[a-z]\w+)\b(?![(\w])")
# A test reads such lines in the source: it fails whatever is written there of mutants.
READ_BY_TESTS = " = bit("
NO_BUGS = ("import ", "precondition", "@", "public struct", "public enum", "#")

SUPPORT = """public enum Mutation {
  public nonisolated(unsafe) static let number = environment("WATCHPOST_MUTANT")

  private static func environment(_ name: String) -> Int {
    getenv(name).flatMap { Int(String(cString: $0)) } ?? -1
  }

  @inline(__always) public static func on(_ mutant: Int) -> Bool { number == mutant }

  @inline(__always) public static func pick<T>(
    _ mutant: Int, _ right: @autoclosure () -> T, _ wrong: @autoclosure () -> T
  ) -> T { number == mutant ? wrong() : right() }

  @inline(__always) public static func least<T: Comparable>(
    _ mutant: Int, _ first: T, _ others: T...
  ) -> T { number == mutant ? others.reduce(first, max) : others.reduce(first, min) }

  @inline(__always) public static func most<T: Comparable>(
    _ mutant: Int, _ first: T, _ others: T...
  ) -> T { number == mutant ? others.reduce(first, min) : others.reduce(first, max) }
}
"""

GROUPS = {
    "&&": "LogicalConjunctionPrecedence", "||": "LogicalDisjunctionPrecedence",
    "+": "AdditionPrecedence", "-": "AdditionPrecedence",
    "+=": "AssignmentPrecedence", "-=": "AssignmentPrecedence",
}
SHAPES = {
    "comparison": ["<T: Comparable>(a: T, b: T) -> Bool",
                   "<A: BinaryInteger, B: BinaryInteger>(a: A, b: B) -> Bool"],
    "equality": ["<T: Equatable>(a: T, b: T) -> Bool",
                 "<A: BinaryInteger, B: BinaryInteger>(a: A, b: B) -> Bool"],
    "sum": ["<T: AdditiveArithmetic>(a: T, b: T) -> T", "<T: Strideable>(a: T, b: T.Stride) -> T"],
    "change": ["<T: AdditiveArithmetic>(a: inout T, b: T)",
               "<T: Strideable>(a: inout T, b: T.Stride)"],
}


@dataclass(frozen=True)
class Mutant:
    """One bug: of a line's text from `start` to `end`, `wrong` stands for what is there."""
    path: str
    at: int
    start: int
    end: int
    kind: str
    right: str
    wrong: str
    line: str

    @property
    def changed(self):
        return self.line[:self.start] + self.wrong + self.line[self.end:]

    def __str__(self):
        wrong = self.changed.strip() or "// left out"
        return f"{self.path}:{self.at + 1}: {self.line.strip()}  →  {wrong}"

    def operator(self, number):
        digits = ""
        while number or not digits:
            digits, number = digits + "^~|%"[number % 4], number // 4
        return self.right + digits

    def schema(self, number):
        """The line with the right and the wrong in it."""
        right = self.right
        if self.kind == "swap":
            chosen = self.operator(number)
        elif self.kind == "call":
            chosen = f"Mutation.{'least' if right == 'min' else 'most'}"
            return self.line[:self.start] + chosen + f"({number}, " + self.line[self.end + 1:]
        elif self.kind == "statement":
            return f"{self.line[:self.start]}if !Mutation.on({number}) {{ {right} }}"
        elif self.kind == "condition":
            chosen = f"({right}) != Mutation.on({number})"
        else:
            chosen = f"Mutation.pick({number}, {right}, {self.wrong})"
        return self.line[:self.start] + chosen + self.line[self.end:]

    def declaration(self, number):
        """What the schema needs to be declared."""
        if self.kind != "swap":
            return ""
        name, right, wrong = self.operator(number), self.right, self.wrong
        group = GROUPS.get(right, "ComparisonPrecedence")
        lines = [f"infix operator {name}: {group}"]
        if right in ("&&", "||"):
            lines.append(
                f"public func {name} (a: Bool, b: @autoclosure () throws -> Bool) rethrows -> Bool"
                f" {{ Mutation.on({number}) ? try a {wrong} b() : try a {right} b() }}")
            return "\n".join(lines)
        kind = ("equality" if right in ("==", "!=") else "change" if right.endswith("=")
                and right[0] in "+-" else "sum" if right in "+-" else "comparison")
        for shape, attribute in zip(SHAPES[kind], ("", "@_disfavoredOverload ")):
            left = "&a" if "inout" in shape else "a"
            wide = "Strideable" in shape
            if wide and kind == "sum":
                one, other = (("a.advanced(by: b)", "a.advanced(by: 0 - b)"))
                if right == "-":
                    one, other = other, one
                body = f"Mutation.on({number}) ? {other} : {one}"
            elif wide:
                one, other = "b", "0 - b"
                if right == "-=":
                    one, other = other, one
                body = f"a = a.advanced(by: Mutation.on({number}) ? {other} : {one})"
            elif kind == "change":
                body = f"if Mutation.on({number}) {{ a {wrong} b }} else {{ a {right} b }}"
            else:
                body = f"Mutation.on({number}) ? {left} {wrong} b : {left} {right} b"
            lines.append(f"{attribute}public func {name} {shape} {{ {body} }}")
        return "\n".join(lines)


def mutants_of(tree, path):
    """All bugs that a file may have."""
    text = open(os.path.join(tree, path)).read().split("\n")
    names = sorted({name for line in text for name in CASES.findall(line)})
    found = []
    for at, line in enumerate(text):
        code = line.split("//")[0].rstrip()
        if not code.strip() or code.strip().startswith(NO_BUGS) or '"' in code:
            continue

        def add(kind, start, end, wrong, code=code, at=at):
            found.append(Mutant(path, at, start, end, kind, code[start:end], wrong, code))

        # The name of an operator that is declared is none.
        for pattern, others in SWAPS if " func " not in code else []:
            for match in re.finditer(pattern, code):
                for other in others:
                    add("swap", match.start(), match.end(), other)
        for pattern, other in WORDS:
            for match in re.finditer(pattern, code):
                add("word", match.start(), match.end(), other)
        for pattern, other in CALLS:
            for match in re.finditer(pattern, code):
                add("call", match.start(), match.end(), other)
        if "static let" not in code or "size" not in code.lower():
            for match in NUMBER.finditer(code):
                value = int(match.group(1).replace("_", ""))
                for other in (value + 1, value - 1):
                    if other >= 0:
                        add("number", match.start(), match.end(), str(other))
        match = CONDITION.match(code)
        if match and " let " not in code and "case " not in code and " var " not in code:
            add("condition", match.start(2), match.end(2), f"!({match[2]})")
        match = STATEMENT.match(code)
        if match and not match[2].startswith(("self.init", "super")):
            add("statement", match.start(2), match.end(2), "")
        for match in CASES.finditer(code):
            for name in names:
                if name != match.group(1):
                    add("case", match.start(1), match.end(1), name)
    return found


def draw(tree, modules, seed):
    """Mutants without end, each line once: each file by its length, each bug of a file alike."""
    files = []
    for module in modules:
        for folder, _, names in sorted(os.walk(os.path.join(tree, "Sources", module))):
            for name in sorted(names):
                if name.endswith(".swift") and name != "ChecksumTables.swift":
                    files.append(os.path.relpath(os.path.join(folder, name), tree))
    found = {path: mutants_of(tree, path) for path in files}
    weights = [sum(1 for _ in open(os.path.join(tree, path))) for path in files]
    choice, lines = random.Random(seed), set()
    for _ in range(1_000_000):
        path = choice.choices(files, weights)[0]
        if not found[path]:
            continue
        mutant = choice.choice(found[path])
        if READ_BY_TESTS in mutant.line:
            continue
        if (path, mutant.at) not in lines:
            lines.add((path, mutant.at))
            yield mutant
