// What all checks know together: who really did what, what was directed, what was burned and signed.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "pki/key.h"
#include "tests/simulation/check/checks.h"
#include "tests/simulation/check/documents.h"
#include "tests/simulation/check/findings.h"
#include "tests/simulation/check/population_reader.h"

namespace smki::simulation {

inline constexpr Millis kClockTolerance = std::chrono::minutes(5);  // ARCHITECTURE section 7
inline constexpr Millis kActivation = std::chrono::hours(8);
// Documents have whole seconds, and what is judged is written down a moment later.
inline constexpr Millis kStep{1000};

// What came with one Prepare.
struct Bundle {
  std::string incident, key, direction, policy;
  Digest digest{};  // of the Direction
  std::vector<Bytes> approvals;
  Bytes revocation_list;
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
  std::map<std::string, Bytes> populations;
  std::map<Digest, Bytes> certificates;
};

// A Direction that the keyguard admitted, with everything it names, read by us.
struct Use {
  Direction direction;
  Digest digest{};
  const Policy* policy = nullptr;
  std::map<std::string, Population> populations;
  std::map<Digest, Bytes> certificates;
  Eui64 originator;
  std::optional<pki::PublicKey> key;
  std::set<std::string> approvers;
  UtcTime list_issued;  // of the revocation list it was judged by
};

// One attempt for one Device.
struct Command {
  const Use* use = nullptr;
  std::string group;
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0, burn = 0;
  Bytes octets;                               // to be signed, as directed
  std::optional<pki::RawSignature> recorded;  // durable in the journal
  std::optional<Digest> released;             // SHA-256 of the whole message
  std::string Describe() const {
    return fmt::format("{} attempt {} (counter {})", device.ToString(), attempt, counter);
  }
};

struct Facts {
  explicit Facts(Checks::World w) : world(std::move(w)) {}

  const Checks::World world;
  Findings findings;
  Digest anchor{};
  std::map<Digest, Policy> policies;                      // the anchor and those that custody changes made of it
  std::map<Digest, Policy> offered;                       // by a custody change that is under way
  std::set<std::pair<Digest, Digest>> successions;        // policies that a change in the journal leads from and to
  std::set<std::pair<std::string, Digest>> signed_by;     // person, digest of the document
  std::set<std::pair<std::string, Digest>> rejected_by;   // person, digest of the Direction they really said no to
  std::set<std::pair<std::string, Digest>> presented_by;  // person, digest of the ceremony request
  std::map<Digest, Use> uses;
  std::map<uint64_t, Command> commands;           // by counter
  std::map<Digest, uint64_t> octets_to_counter;   // by digest of what is to be signed
  std::map<Digest, uint64_t> message_to_counter;  // by digest of a released message
  std::set<Bytes> revoked;                        // serials in any list that was relied on
  UtcTime newest_list;
  // In which roles persons acted: incident, person, role.
  std::map<std::string, std::map<std::string, std::set<std::string>>> acted;

  const Policy& policy() const { return policies.at(anchor); }
  UtcTime TrueTime(UtcTime now) const { return world.true_time ? world.true_time() : now; }
  bool HasSigned(const std::string& person, ByteSpan document) const;
  bool HasPresented(const std::string& person, const Digest& request) const {
    return presented_by.contains({person, request});
  }
  // I4: says so if `person` has acted in a role that conflicts with it.
  void Acts(const std::string& incident, const std::string& person, const std::string& role, const std::string& where);
  // The policy of this digest, in force or about to be; null: neither.
  const Policy* FindPolicy(const Digest& digest) const;
  // A next version: takes it among `policies` if a custody change in the journal made it and changed nothing else.
  const Policy* Follow(const std::string& text);
  const Use* FindUse(const Digest& direction) const;
  const Command* FindCommand(Eui64 device, uint64_t counter) const;
};

// The most votes these persons can cast: each seat once and, where the policy says so, each organisation once.
uint64_t CountVotes(const Policy& policy, const std::set<std::string>& persons);

// "00DB...": short forms for messages.
std::string Short(const Digest& digest);
// 32 octets, or zeros.
Digest ToDigest(ByteSpan octets);

}  // namespace smki::simulation
