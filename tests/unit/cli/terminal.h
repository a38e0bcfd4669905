// smkictl as a person meets it: a command line in, what it prints and its exit code out. And a folder with what a
// person has: site file, trust policy and keys, for an estate without servers.
#pragma once

#include <string>
#include <vector>

#include "people.h"
#include "tests/unit/ledger/scratch.h"

namespace smki::cli::test {

struct Answer {
  int code = 0;
  std::string out, err;
};
// In this process; standard input and output are no terminal.
Answer Smkictl(const std::vector<std::string>& arguments);

// In a process of its own, at a terminal where `typed` is typed: `out` is what stands on it in the end.
Answer AtTerminal(const std::vector<std::string>& arguments, const std::string& typed);

class PersonFolder {
 public:
  explicit PersonFolder(const std::string& environment_estate = "estate-7");
  // The site file of one of the sample policy's persons, whose servers are at a port where nobody listens.
  std::string SiteOf(const std::string& person);
  // A Direction of this estate, in a file.
  std::string DirectionFile();
  std::string operator/(const std::string& name) const { return scratch_ / name; }

  procedures::test::People people;

 private:
  Scratch scratch_;
};

}  // namespace smki::cli::test
