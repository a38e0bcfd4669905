#include "tests/simulation/check/key_check.h"

#include <algorithm>

#include "pki/cms.h"
#include "pki/digest.h"

namespace smki::simulation {

void KeyCheck::CheckJournalHead(const std::string& where, uint64_t records, const Digest& head) {
  quotes_.Journal(where, records, head);
  if (records == 0) return;
  if (records > journal_.log().records()) {
    facts_.findings.Say("I2", "{} quotes {} journal records; {} are durable", where, records, journal_.log().records());
  } else if (journal_.log().HeadAfter(records) != head) {
    facts_.findings.Say("I3", "{} quotes another head of the journal after {} records", where, records);
  }
}

void KeyCheck::CheckRequest(const CeremonyRequest& r, const keyguard::v1::Ceremony& ceremony) {
  const std::string where = "ceremony " + r.id;
  Findings& findings = facts_.findings;
  const auto keyguard = pki::Certificate::Parse(facts_.policy().keyguard);
  if (!keyguard.ok() ||
      !pki::VerifyDetached(AsBytes(ceremony.request()), AsBytes(ceremony.signature()), *keyguard).ok())
    findings.Say("I5", "{}: the request is not signed by the keyguard of the trust policy", where);
  if (r.environment != facts_.policy().environment || r.estate != facts_.policy().estate)
    findings.Say("I8", "{} is of {}/{}", where, r.environment, r.estate);
  const Policy* const policy = facts_.FindPolicy(r.policy);
  if (policy == nullptr && r.total == 0) {
    // The next policy of a custody change comes with GetCustody; unless it does, no login will count for this.
  } else if (policy == nullptr) {
    findings.Say("I1", "{} names a trust policy that is not in force: {}", where, Short(r.policy));
  } else if (const auto key = policy->keys.find(r.key);
             key == policy->keys.end() || r.threshold != key->second.threshold || r.policy_version != policy->version) {
    findings.Say("I5", "{} asks for {} shares of the {} key under version {}; the trust policy says otherwise", where,
                 r.threshold, r.key, r.policy_version);
  }
  CheckJournalHead(where, r.journal_records, r.journal_head);
  if (r.total == 0) return;  // of a custody change
  quotes_.Ledger(where, std::nullopt, r.ledger_head);
  const Use* const use = facts_.FindUse(r.direction);
  if (use == nullptr)
    return findings.Say("I1", "{} is for Direction {}, which is not admitted", where, Short(r.direction));
  uint64_t devices = 0;
  for (const Group& group : use->direction.groups) devices += group.count;
  const Direction& d = use->direction;
  if (r.direction_id != d.id || r.incident != d.incident || r.key != d.key || r.total != d.total ||
      r.devices != devices)
    findings.Say("I1", "{} shows the custodians something else than {} says", where, d.id);
}

void KeyCheck::Asked(UtcTime now, const keyguard::v1::Ceremony& ceremony) {
  const auto request = ReadCeremonyRequest(ceremony.request());
  if (!request.ok())
    return facts_.findings.Say("I5", "a ceremony request that cannot be read: {}", Message(request.status()));
  journal_.Update(now);
  if (requests_.emplace(request->digest, Asking{*request}).second) CheckRequest(*request, ceremony);
  std::set<std::string> once;
  for (const std::string& person : ceremony.presented()) {
    if (!once.insert(person).second)
      facts_.findings.Say("I4", "ceremony {} counts the share of {} twice", request->id, person);
    if (!facts_.HasPresented(person, request->digest))
      facts_.findings.Say("I5", "ceremony {} counts a share of {}, who has not shown it", request->id, person);
    if (!journal_.HasAttendance(request->digest, person))
      facts_.findings.Say("I2", "ceremony {} counts the share of {}, which is not durable in the journal", request->id,
                          person);
  }
  if (ceremony.open() && steady_ && severed_.empty() && request->total > 0 && !OpenFor(request->direction))
    facts_.findings.Say("I5", "ceremony {} is said to have opened the key; the token is closed", request->id);
}

const CeremonyRequest* KeyCheck::FindRequest(const Digest& request) const {
  const auto found = requests_.find(request);
  return found == requests_.end() ? nullptr : &found->second.request;
}

// Distinct custodians of this key, under the policy the request names, really showed their share for this request.
bool KeyCheck::Complete(const CeremonyRequest& request) const {
  const Policy* const policy = facts_.FindPolicy(request.policy);
  if (policy == nullptr) return false;
  const auto key = policy->keys.find(request.key);
  if (key == policy->keys.end()) return false;
  const std::set<std::string> custodians(key->second.custodians.begin(), key->second.custodians.end());
  const auto shown = std::count_if(custodians.begin(), custodians.end(), [&](const std::string& person) {
    return facts_.HasPresented(person, request.digest) && journal_.HasAttendance(request.digest, person);
  });
  return static_cast<uint64_t>(shown) >= key->second.threshold && key->second.threshold >= 2;
}

void KeyCheck::Severed(const std::string& key) {
  if (sessions_.contains(key)) severed_.insert(key);
}

void KeyCheck::Login(UtcTime now, const std::string& key, bool logged_in) {
  ++changes_;
  if (logged_in) severed_.erase(key);
  if (!logged_in) {
    sessions_.erase(key);
    return;
  }
  ++logins_;
  journal_.Update(now);
  Session session{now, facts_.TrueTime(now), std::nullopt};
  Asking* by = nullptr;
  for (auto& [digest, asking] : requests_) {
    const bool usable = asking.alive && asking.request.key == key && (!asking.used || asking.request.total == 0) &&
                        now <= asking.request.expires + kStep && Complete(asking.request);
    // A Direction's ceremony goes before a custody change's: an incident waits for nobody.
    if (usable && (by == nullptr || asking.request.total > 0)) by = &asking;
  }
  if (by == nullptr) {
    facts_.findings.Say("I5", "the {} token was opened at {} without the shares of a threshold of its custodians", key,
                        FormatTimeMillis(now));
  } else {
    by->used = true;
    if (by->request.total > 0) session.direction = by->request.direction;
  }
  sessions_[key] = session;
  if (!session.direction) return;
  if (const std::string why = journal_.Stopped(*session.direction); !why.empty())
    facts_.findings.Say("I1", "the {} token was opened, but {}", key, why);
  if (const Use* use = facts_.FindUse(*session.direction); use != nullptr)
    CheckTime("the " + key + " token was opened", now, *use, session);
}

void KeyCheck::CheckTime(const std::string& what, UtcTime now, const Use& use, const Session& session) {
  Findings& findings = facts_.findings;
  const Direction& d = use.direction;
  if (now < d.not_before || now > d.not_after + kStep)
    findings.Say("I1", "{} at {}; {} is valid from {} to {}", what, FormatTime(now), d.id, FormatTime(d.not_before),
                 FormatTime(d.not_after));
  const Millis wall = now - session.since, real = facts_.TrueTime(now) - session.since_true;
  if (real > kActivation + kStep + (facts_.world.true_time ? Millis(0) : kClockTolerance))
    findings.Say("I5", "{} {} after the key was opened", what, FormatDuration(Millis(real.count() / 1000 * 1000)));
  if (wall - real > kClockTolerance + kStep)
    findings.Say("I10", "{} although the keyguard's clock went {} s in {} s", what, wall.count() / 1000,
                 real.count() / 1000);
  if (now + kClockTolerance + kStep < journal_.newest())
    findings.Say("I10", "{} at {}; the journal has seen {}", what, FormatTime(now), FormatTime(journal_.newest()));
  if (use.list_issued + use.policy->revocation_list_max_age + kActivation + kStep < now)
    findings.Say("I10", "{} at {} with a revocation list of {}", what, FormatTime(now), FormatTime(use.list_issued));
}

void KeyCheck::Sign(UtcTime now, const std::string& key, const Digest& digest) {
  Findings& findings = facts_.findings;
  journal_.Update(now);
  const auto session = sessions_.find(key);
  if (session == sessions_.end()) {
    findings.Say("I5", "the {} key signed at {} while its token was closed", key, FormatTimeMillis(now));
  } else if (!session->second.direction) {
    findings.Say("I5", "the {} key signed at {}, opened for no Direction", key, FormatTimeMillis(now));
  }
  const auto known = facts_.octets_to_counter.find(digest);
  if (known == facts_.octets_to_counter.end()) {
    const std::string what = fmt::format("the {} key signed {} at {}", key, Short(digest), FormatTimeMillis(now));
    unexplained_[digest] = what;
    return findings.Say("I2", "{}; no durable burn asks for it", what);
  }
  const Command& command = facts_.commands.at(known->second);
  const std::string what = fmt::format("the {} key signed {}", key, command.Describe());
  if (command.use->direction.key != key) findings.Say("I1", "{}, which is for another key", what);
  if (command.recorded) findings.Say("I2", "{} again; its signature is in the journal", what);
  if (const std::string why = journal_.Stopped(command.use->digest); !why.empty())
    findings.Say("I1", "{}, but {}", what, why);
  if (session == sessions_.end()) return;
  if (session->second.direction && *session->second.direction != command.use->digest)
    findings.Say("I1", "{}, opened for another Direction", what);
  if (!journal_.IsOpen(command.use->digest)) findings.Say("I5", "{}; the journal does not say that it is open", what);
  CheckTime(what, now, *command.use, session->second);
}

void KeyCheck::SignerDied() {
  sessions_.clear();
  for (auto& [digest, asking] : requests_) asking.alive = false;
}

void KeyCheck::AtEnd(bool incident_closed) {
  for (const auto& [digest, what] : unexplained_) {
    if (!facts_.octets_to_counter.contains(digest))
      facts_.findings.Say("I1", "{}, which is nothing that any Direction means", what);
  }
  for (const auto& [key, session] : sessions_) {
    if (incident_closed && !by_intruder_) facts_.findings.Say("I5", "the {} token is still open at the end", key);
  }
}

bool KeyCheck::LoggedIn() const {
  return !sessions_.empty();
}

bool KeyCheck::OpenFor(const Digest& direction) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
    return session.second.direction && *session.second.direction == direction;
  });
}

}  // namespace smki::simulation
