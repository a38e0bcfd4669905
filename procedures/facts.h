// What a procedure's steps need and make, as facts: a gate that opened, a key that is open, a certificate that is
// there. The linter proves over all paths that no step is started without the facts it needs (model_check.h); the
// machine refuses such a start (machine.h).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace smki::procedures {

struct Runbook;
struct Step;

// code, what holds, in the words of a sentence that says it is missing.
#define SMKI_FACTS(X)                                                           \
  X(kRepository, "a Repository that was rebuilt")                               \
  X(kCertificates, "the new certificates in the Repository")                    \
  X(kBrokerCertificates, "the ACB's certificates in the Repository")            \
  X(kSuccessorCertificates, "the successor's certificates in the Repository")   \
  X(kDirection, "a Direction of the PMA")                                       \
  X(kKeyOpen, "the key opened by its custodians")                               \
  X(kCanaryProven, "the first wave proven by its Devices")                      \
  X(kReplaced, "the replacement proven by the Devices")                         \
  X(kRevocationDirected, "the PMA's word that revocation need not wait for it") \
  X(kRevoked, "the replaced certificates revoked")                              \
  X(kListPublished, "the revocation list published")

enum class Fact : uint8_t {
#define SMKI_FACT_NAME(name, text) name,
  SMKI_FACTS(SMKI_FACT_NAME)
#undef SMKI_FACT_NAME
};

// A set of facts.
class Facts {
 public:
  constexpr Facts() = default;
  constexpr Facts(Fact fact) : bits_(uint32_t{1} << static_cast<unsigned>(fact)) {}
  constexpr Facts(std::initializer_list<Fact> facts) {
    for (const Fact fact : facts) *this = *this | Facts(fact);
  }
  constexpr uint32_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool Has(Facts all) const { return (all.bits_ & ~bits_) == 0; }
  constexpr bool Meets(Facts any) const { return (any.bits_ & bits_) != 0; }
  constexpr Facts Without(Facts others) const { return FromBits(bits_ & ~others.bits_); }
  friend constexpr Facts operator|(Facts a, Facts b) { return FromBits(a.bits_ | b.bits_); }
  friend constexpr bool operator==(Facts a, Facts b) = default;
  std::vector<Fact> List() const;
  static constexpr Facts FromBits(uint32_t bits) {
    Facts out;
    out.bits_ = bits;
    return out;
  }

 private:
  uint32_t bits_ = 0;
};

const char* Text(Fact fact);
// "a Direction of the PMA and the key opened by its custodians"
std::string Text(Facts facts, const char* between);

// What a step needs before it starts, and what holds when it is done.
struct Effects {
  Facts needs = {};         // all of them
  Facts needs_one_of = {};  // any of them, if there are some
  Facts forbids = {};       // none of them
  Facts makes = {}, ends = {};
};
// Of `step` of `runbook`: by its action and parameters. Nothing for a step without action.
Effects EffectsOf(const Runbook& runbook, const Step& step);
// Why what has these effects may not start where `held` holds: "without a Direction of the PMA and without the key
// opened by its custodians", "after ..."; empty if it may.
std::string Unmet(const Effects& effects, Facts held);

}  // namespace smki::procedures
