// I1, I8, I9, I10: may the keyguard admit what came with a Prepare? Our own count of the approvals, and our own reading
// of everything the Direction names.
#pragma once

#include <vector>

#include "tests/simulation/check/facts.h"

namespace smki::simulation {

class Admission {
 public:
  explicit Admission(Facts& facts) : facts_(facts) {}

  // Judged at some moment from `from` to `to` of the keyguard's clock. What is wrong goes into faults(); what can be
  // read is in the Use.
  Use Judge(const Bundle& bundle, UtcTime from, UtcTime to);
  const std::vector<Violation>& faults() const { return faults_; }

 private:
  template <typename... Args>
  void Fault(const char* invariant, fmt::format_string<Args...> format, Args&&... args) {
    faults_.push_back({invariant, name_ + ": " + fmt::format(format, std::forward<Args>(args)...)});
  }
  void Form(const Direction& d);
  void Scope(const Bundle& bundle, const Policy& policy, const Direction& d);
  void Time(const Direction& d, UtcTime from, UtcTime to);
  void List(const Bundle& bundle, const Policy& policy, UtcTime from);
  void Quorum(const Bundle& bundle, UtcTime from, UtcTime to);
  std::string Voter(const Bundle& bundle, const Bytes& cms, UtcTime from, UtcTime to);
  void Populations(const Bundle& bundle);
  void Certificates(const Bundle& bundle);
  void Cells(const Group& group);
  void Key(const Bundle& bundle);

  Facts& facts_;
  Use use_;
  std::set<Bytes> revoked_;
  std::string name_;
  std::vector<Violation> faults_;
};

// What was handed over, and what became of it.
class Admissions {
 public:
  explicit Admissions(Facts& facts) : facts_(facts) {}

  void Prepared(Bundle bundle, UtcTime now);
  // The keyguard took this Direction on: one of the Prepares for it must have been good.
  void Admitted(const Digest& direction, UtcTime now, const std::string& where);
  // False if nobody ever handed it over with this head.
  bool Quoted(const Digest& direction, uint64_t sequence, const Digest& head) const;

 private:
  struct Arrived {
    Bundle bundle;
    UtcTime time;
  };
  void Keep(Use use, const Bundle& bundle);

  Facts& facts_;
  std::vector<Arrived> arrived_;
};

}  // namespace smki::simulation
