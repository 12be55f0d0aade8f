"""The koans: sixteen small broken layers, and a judge that says what is wrong with each.

    wsgimw koans new DIR      write the koans into a directory
    wsgimw koans check DIR    judge them in order, up to the first that is broken

`lessons` is the table of koans, `broken/` holds the files that a learner gets. `scenes` plays each
koan before a client and notes what that client saw; `judge` adds the conformance kit and decides;
`trial` does that in a process of its own, so that no koan can hang or end the command. Solutions
are not in the package: docs/koans.md shows them, and the tests run them.
"""
