#include "orchestrator/actions/draft.h"

#include <algorithm>
#include <set>

#include "gbcs/credentials.h"
#include "orchestrator/actions/holder.h"
#include "pki/digest.h"
#include "procedures/population.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::DirectedGroup;
using procedures::Direction;
using procedures::Reason;

// Devices remember the highest counter of the recovery role. Where none of ours is known, start well above what
// test data and early use could have left there.
constexpr uint64_t kLowestCounter = 1 << 23;
// How many Devices may be signed for and prove nothing, if the site does not say: enough for full speed and for one
// Device in five to stay silent, far from all of them.
constexpr uint64_t kLeastOutstanding = 1024;
constexpr uint64_t kSilentShare = 5;
constexpr size_t kMaxFactors = 32;
// Octets: all of them must fit into one Direction. What weighs the factors is the text of a decision.
constexpr size_t kMaxAnswer = 500, kMaxDecision = 3500;
constexpr Millis kSecond{1000};

UtcTime WholeSecond(UtcTime time) {
  return {time.ms - time.ms % kSecond.count()};
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Nobody takes the beginning for the whole.
std::string Cut(const std::string& text, size_t limit) {
  return text.size() <= limit ? text : text.substr(0, limit) + " ... (cut here; the whole text is in the ledger)";
}

class Draft {
 public:
  explicit Draft(const DraftInputs& in) : in_(in) {}

  StatusOr<DirectedUse> Run() {
    SMKI_ASSIGN_OR_RETURN(organisation_, OrganisationOf(in_.incident));
    SMKI_ASSIGN_OR_RETURN(party_, FactOf(in_.incident, "party"));
    placed_ = DirectedHolder(in_.runbook);
    SMKI_ASSIGN_OR_RETURN(holder_, HolderFor(placed_, in_.incident, in_.settings));
    SMKI_ASSIGN_OR_RETURN(certificates_, CertificatesFor(placed_, in_.incident, in_.store, in_.settings));
    SMKI_RETURN_IF_ERROR(AddGroups());
    SMKI_RETURN_IF_ERROR(AddKeyCertificate());
    AddHead();
    AddLimits();
    AddReasons();
    SMKI_RETURN_IF_ERROR(procedures::CheckDirection(direction_));
    use_.text = procedures::RenderDirection(direction_);
    SMKI_ASSIGN_OR_RETURN(use_.direction, procedures::ParseDirection(use_.text));
    use_.digest = pki::Sha256(use_.text);
    // Nobody is shown a draft that the signer would refuse.
    SMKI_RETURN_IF_ERROR(procedures::JudgeDirection(in_.policy, use_.direction, in_.incident.id, in_.now));
    SMKI_RETURN_IF_ERROR(procedures::CheckMaterials(in_.policy, use_.direction, use_.Materials(), in_.now));
    return std::move(use_);
  }

 private:
  // Only the affected organisation's own cells, whatever else the Inventory lists.
  std::vector<std::string> SupplierCells(const estate::v1::Device& device) const {
    std::vector<std::string> out;
    for (const std::string& cell : device.cells()) {
      if (certificates_.count(cell) > 0) out.push_back(cell);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  Status AddGroups() {
    std::map<std::pair<std::string, std::vector<std::string>>, std::vector<Eui64>> sorted;
    for (const estate::v1::Device& device : in_.devices) {
      // A supplier's certificate can never reach another supplier's Device.
      if (device.supplier() != organisation_.value()) continue;
      std::vector<std::string> cells = SupplierCells(device);
      if (!cells.empty()) sorted[{device.device_type(), std::move(cells)}].push_back(Eui64(device.eui()));
    }
    if (sorted.empty())
      return FailedPrecondition("the Inventory lists no Device of {} with a supplier cell", organisation_.ToString());
    std::map<std::string, int> kinds;
    for (auto& [kind, devices] : sorted) {
      const int number = ++kinds[kind.first];
      std::string name = party_ + "-" + Lower(kind.first);
      if (number > 1) name += fmt::format("-{}", number);
      SMKI_RETURN_IF_ERROR(AddGroup(name, kind.first, kind.second, std::move(devices)));
    }
    std::sort(direction_.groups.begin(), direction_.groups.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return OkStatus();
  }

  Status AddGroup(const std::string& name, const std::string& device_type, const std::vector<std::string>& cells,
                  std::vector<Eui64> devices) {
    std::sort(devices.begin(), devices.end());
    if (std::adjacent_find(devices.begin(), devices.end()) != devices.end()) {
      return FailedPrecondition("the Inventory lists a Device of {} twice", device_type);
    }
    total_devices_ += devices.size();
    DirectedGroup group;
    group.name = name;
    group.device_type = device_type;
    group.population_count = devices.size();
    Bytes file = procedures::EncodePopulation({in_.policy.environment, name, std::move(devices)});
    group.population_digest = procedures::PopulationDigest(file);
    use_.populations[name] = std::move(file);
    procedures::DirectedFloor floor{"supplier", 0, std::nullopt};  // a new key has signed nothing: GBCS.md 4.3
    for (const std::string& cell : cells) {
      const pki::Certificate& certificate = certificates_.at(cell);
      group.replacements.push_back({cell, Keep(certificate)});
      if (cell == kSupplierTopUp) floor.prepayment_top_up = 0;
      SMKI_RETURN_IF_ERROR(AddPath(certificate, &group));
    }
    group.floors.push_back(floor);
    direction_.groups.push_back(std::move(group));
    return OkStatus();
  }

  // The issuing authorities between the certificate and the root, which the Device has: kept, and directed if there is
  // a group.
  Status AddPath(const pki::Certificate& certificate, DirectedGroup* group) {
    SMKI_ASSIGN_OR_RETURN(const auto authorities, in_.store.Authorities());
    Bytes wanted = certificate.authority_key_identifier;
    Bytes issuer = certificate.issuer;
    for (size_t depth = 0; depth < gbcs::kMaxPathCertificates; ++depth) {
      const std::optional<pki::Certificate> authority = FindAuthority(authorities, issuer, wanted);
      if (!authority) {
        return procedures::Refuse(Reason::kCERTIFICATE_PATH_INVALID,
                                  fmt::format("the Repository lacks the issuer of {}", certificate.Describe()));
      }
      if (authority->issuer == authority->subject) return OkStatus();
      const Digest digest = Keep(*authority);
      if (group != nullptr && std::find(group->path_certificates.begin(), group->path_certificates.end(), digest) ==
                                  group->path_certificates.end()) {
        group->path_certificates.push_back(digest);
      }
      wanted = authority->authority_key_identifier;
      issuer = authority->issuer;
    }
    return procedures::Refuse(Reason::kCERTIFICATE_PATH_INVALID,
                              fmt::format("the path of {} does not end at a root", certificate.Describe()));
  }

  static std::optional<pki::Certificate> FindAuthority(const std::vector<repository::CertificateRecord>& authorities,
                                                       const Bytes& subject, const Bytes& key_identifier) {
    for (const repository::CertificateRecord& record : authorities) {
      auto certificate = pki::Certificate::Parse(record.der);
      if (certificate.ok() && certificate->subject == subject &&
          (key_identifier.empty() || certificate->subject_key_identifier == key_identifier)) {
        return std::move(*certificate);
      }
    }
    return std::nullopt;
  }

  Status AddKeyCertificate() {
    const auto role = static_cast<uint8_t>(gbcs::Role::kRecovery);
    SMKI_ASSIGN_OR_RETURN(const auto records, in_.store.ByEui(in_.settings.key_organisation));
    for (const repository::CertificateRecord& record : records) {
      if (record.kind != repository::CertificateKind::kOrganisation ||
          record.status != repository::CertificateStatus::kInUse || record.usage != "DS" || record.role != role) {
        continue;
      }
      SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::Parse(record.der));
      direction_.key_certificate = Keep(certificate);
      return AddPath(certificate, nullptr);
    }
    return procedures::Refuse(Reason::kCERTIFICATES_NOT_IN_REPOSITORY,
                              fmt::format("no digitalSignature certificate of the {} key ({}) is In Use",
                                          in_.runbook.key, in_.settings.key_organisation.ToString()));
  }

  Digest Keep(const pki::Certificate& certificate) {
    const Digest digest = certificate.sha256();
    use_.certificates[digest] = certificate.der();
    return digest;
  }

  void AddHead() {
    direction_.id = "DIR-" + ToHex(ByteSpan(in_.nonce).first(6));
    direction_.environment = in_.policy.environment;
    direction_.incident = in_.incident.id;
    direction_.ledger_sequence = in_.ledger_sequence;
    direction_.ledger_head = in_.ledger_head;
    direction_.nonce = ToHex(in_.nonce);
    direction_.requested_by = in_.requested_by;
    direction_.drafted = WholeSecond(in_.now);
    direction_.key = in_.runbook.key;
    direction_.procedure = in_.runbook.id;
    direction_.procedure_digest = in_.runbook.digest;
    direction_.mode = in_.runbook.mode;
    direction_.not_before = direction_.drafted;
    direction_.not_after = direction_.not_before + in_.settings.validity;
  }

  void AddLimits() {
    procedures::DirectionLimits& limits = direction_.limits;
    limits.attempts_per_device = in_.settings.attempts_per_device;
    limits.total = total_devices_ * limits.attempts_per_device;
    limits.outstanding = in_.settings.outstanding.value_or(std::max(kLeastOutstanding, total_devices_ / kSilentShare));
    limits.outstanding = std::min(limits.outstanding, total_devices_);
    limits.rate_per_second = in_.settings.rate_per_second;
    const CounterRange counters = CountersAbove(in_.counter_floor, limits.total);
    direction_.counter_first = counters.first;
    direction_.counter_last = counters.last;
  }

  // SEC L10.9: what was weighed before. The people's own words, step by step.
  void AddReasons() {
    for (const procedures::Step& step : in_.runbook.steps) {
      const auto state = in_.incident.steps.find(step.id);
      const bool by_people = step.kind == procedures::StepKind::kAttest || step.kind == procedures::StepKind::kDecide;
      if (!by_people || state == in_.incident.steps.end() || state->second.status != procedures::StepStatus::kDone)
        continue;
      if (direction_.factors.size() == kMaxFactors) break;
      const procedures::StepState& at = state->second;
      const std::string answer =
          at.text.empty() ? Cut(at.result, kMaxAnswer) : fmt::format("{}: {}", at.result, Cut(at.text, kMaxDecision));
      direction_.factors.push_back({step.id, procedures::CleanText(fmt::format("{}: {}", at.person, answer))});
    }
    const auto fact = [this](const char* key) {
      const auto it = in_.incident.facts.find(key);
      return it == in_.incident.facts.end() ? std::string("not stated") : it->second;
    };
    direction_.rationale = procedures::CleanText(fmt::format(
        "{} ({}) notified: {}. Reported by {}. {} in the Repository (delta of {}). The {} key is to place them on {} "
        "Devices in {} groups.",
        fact("party"), organisation_.ToString(), fact("what"), fact("reportedBy"), WhatIsPlaced(),
        in_.store.summary().last_delta_date, in_.runbook.key, total_devices_, direction_.groups.size()));
  }

  std::string WhatIsPlaced() const {
    if (placed_ == procedures::kSubscriber) return "Its new certificates are";
    const std::string whose = fmt::format("{} ({})", holder_.party, holder_.organisation.ToString());
    if (placed_ == procedures::kSuccessor) return fmt::format("Its Devices pass to {}, whose certificates are", whose);
    return fmt::format("Until it takes its Devices over again, {} stands in, whose certificates are", whose);
  }

  const DraftInputs& in_;
  Eui64 organisation_;
  std::string party_;
  std::string placed_;  // whose certificates, as the runbook says it
  Holder holder_;
  CellCertificates certificates_;
  Direction direction_;
  DirectedUse use_;
  uint64_t total_devices_ = 0;
};

}  // namespace

StatusOr<DirectedUse> DraftDirection(const DraftInputs& inputs) {
  return Draft(inputs).Run();
}

CounterRange CountersAbove(uint64_t floor, uint64_t count) {
  uint64_t first = std::max(floor + 1, kLowestCounter);
  // A DER INTEGER grows by an octet at 2^7, 2^15, 2^23, ...
  for (int bits = 7; bits < 63; bits += 8) {
    const uint64_t boundary = uint64_t{1} << bits;
    if (first < boundary && first + count > boundary) first = boundary;
  }
  return {first, first + count - 1};
}

}  // namespace smki::orchestrator
