#include "tests/simulation/check/facts.h"

#include <algorithm>

#include "pki/digest.h"

namespace smki::simulation {

bool Facts::HasSigned(const std::string& person, ByteSpan document) const {
  return signed_by.contains({person, pki::Sha256(document)});
}

void Facts::Acts(const std::string& incident, const std::string& person, const std::string& role,
                 const std::string& where) {
  std::set<std::string>& roles = acted[incident][person];
  roles.insert(role);
  for (const auto& [a, b] : policy().conflicts) {
    if (roles.contains(a) && roles.contains(b))
      findings.Say("I4", "{} acted in {} as {} and as {}, which conflict ({})", person, incident, a, b, where);
  }
}

const Policy* Facts::FindPolicy(const Digest& digest) const {
  const auto known = policies.find(digest);
  if (known != policies.end()) return &known->second;
  const auto next = offered.find(digest);
  return next == offered.end() ? nullptr : &next->second;
}

const Policy* Facts::Follow(const std::string& text) {
  const Digest digest = pki::Sha256(text);
  if (const auto known = policies.find(digest); known != policies.end()) return &known->second;
  auto next = ReadPolicy(text);
  if (!next.ok()) return nullptr;
  const auto from = policies.find(next->previous);
  if (from == policies.end() || next->version != from->second.version + 1 ||
      !successions.contains({from->first, digest}))
    return nullptr;
  bool same = next->unchanging == from->second.unchanging;
  for (const auto& [id, person] : from->second.persons) {
    const auto still = next->persons.find(id);
    same = same && still != next->persons.end() && still->second.roles == person.roles &&
           still->second.signing == person.signing && still->second.organisation == person.organisation;
  }
  for (const auto& [id, person] : next->persons)
    same = same && (from->second.persons.contains(id) || person.roles == std::vector<std::string>{"key-custodian"});
  if (!same) return nullptr;
  return &policies.emplace(digest, std::move(next).value()).first->second;
}

const Use* Facts::FindUse(const Digest& direction) const {
  const auto found = uses.find(direction);
  return found == uses.end() ? nullptr : &found->second;
}

const Command* Facts::FindCommand(Eui64 device, uint64_t counter) const {
  const auto found = commands.find(counter);
  return found == commands.end() || found->second.device != device ? nullptr : &found->second;
}

uint64_t CountVotes(const Policy& policy, const std::set<std::string>& persons) {
  // A vote pairs a seat with an organisation (or with itself): the most pairs without one of them twice, by augmenting
  // paths.
  std::map<std::string, std::set<std::string>> choices;
  for (const std::string& person : persons) {
    const Seat* const seat = policy.SeatOf(person);
    const auto known = policy.persons.find(person);
    if (seat == nullptr || known == policy.persons.end() || !known->second.Has(policy.VotingRole(person))) continue;
    choices[seat->name].insert(policy.one_vote_per_organisation ? known->second.organisation : seat->name);
  }
  std::map<std::string, std::string> taken;  // organisation -> seat
  std::set<std::string> tried;
  const std::function<bool(const std::string&)> place = [&](const std::string& seat) {
    for (const std::string& organisation : choices[seat]) {
      if (!tried.insert(organisation).second) continue;
      const auto holder = taken.find(organisation);
      if (holder != taken.end() && !place(holder->second)) continue;
      taken[organisation] = seat;
      return true;
    }
    return false;
  };
  uint64_t votes = 0;
  for (const auto& [seat, organisations] : choices) {
    tried.clear();
    votes += place(seat) ? 1 : 0;
  }
  return votes;
}

std::string Short(const Digest& digest) {
  return ToHex(digest).substr(0, 12);
}

Digest ToDigest(ByteSpan octets) {
  Digest out{};
  if (octets.size() == out.size()) std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

}  // namespace smki::simulation
