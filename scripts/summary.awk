# What `cargo test -- --show-output` prints, made short: a line for each test program, the figures
# that tests print, everything about those that fail, and the sum at the end.

# Cargo's own progress. A test program is named as its source file is.
/^ *(Compiling|Finished|Downloading|Downloaded|Locking|Updating|Blocking) / { next }
/^ *Running / {
  program = $0
  sub(/^ *Running (unittests )?/, "", program)
  sub(/ \(.*/, "", program)
  binary = $0
  sub(/.*deps\//, "", binary)
  sub(/-[0-9a-f]*\)$/, "", binary)
  next
}
/^ *Doc-tests / { program = "documentation"; binary = $2; next }

# A program that a test has started anew runs one test of many: it is part of that test.
/^test result: .* [1-9][0-9]* filtered out/ && !/FAILED/ { next }
/^test result: / {
  passed += $4; failed += $6; ignored += $8
  if ($4 + $6 + $8 > 0) {
    time = $0
    sub(/.*finished in /, "", time)
    printf "%-26s %-28s %4d passed", binary, program, $4
    if ($6 > 0) printf ", %d FAILED", $6
    if ($8 > 0) printf ", %d left out", $8
    print " (" time ")"
  }
  part = ""
  fflush()
  next
}

# libtest says "successes:" twice: before what they printed, and before their names.
/^successes:$/ { part = part == "output" ? "names" : "output"; show = 0; next }
/^failures:$/ { part = "failures" }
part == "failures" { print; fflush(); next }
part == "names" { next }
/^$/ || /^proptest: / || /^running [0-9]+ tests?$/ || /^test .* \.\.\. (ok|ignored.*)$/ { next }
/has been running for over 60 seconds$/ { next }
part == "output" && /^---- .* stdout ----$/ { name = $2; show = 1; next }
# What would make a failure happen again is no figure; a panic in a test that passes was looked for.
part == "output" && /^seed [0-9]+$/ { next }
part == "output" && /^thread .* panicked at / { show = 0 }
part == "output" {
  if (!show) next
  if (name != "") print "  " name
  name = ""
  print "    " $0
  fflush()
  next
}
{ print; fflush() }

END {
  printf "%d tests passed", passed
  if (failed > 0) printf ", %d FAILED", failed
  if (ignored > 0) printf ", %d left out", ignored
  print ""
}
