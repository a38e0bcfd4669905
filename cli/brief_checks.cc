// What a careful colleague would point at before a PMA member signs.
#include <algorithm>
#include <map>
#include <set>

#include "cli/brief.h"
#include "cli/text.h"

namespace smki::cli {
namespace {

using procedures::Direction;

constexpr Millis kLongValidity = std::chrono::hours(24 * 14);

class Checks {
 public:
  Checks(const BriefInputs& inputs, Brief& brief) : inputs_(inputs), brief_(brief), direction_(brief.direction) {}

  void Run() {
    Document();
    for (const BriefGroup& group : brief_.groups) {
      Population(group);
      for (const BriefCell& cell : group.cells) Cell(group, cell);
      if (!group.directed->time_checks) {
        Note(fmt::format("Group {}: the Devices will not look at the validity of the certificates (timeChecks: false).",
                         group.directed->name));
      }
    }
    Organisations();
    Limits();
    Reasons();
    Approvals();
    std::stable_sort(brief_.warnings.begin(), brief_.warnings.end(),
                     [](const auto& a, const auto& b) { return a.grave > b.grave; });
  }

 private:
  void Grave(std::string text) { brief_.warnings.push_back({true, std::move(text)}); }
  void Note(std::string text) { brief_.warnings.push_back({false, std::move(text)}); }

  void Document() {
    if (!brief_.allowed.ok()) Grave("The trust policy does not allow it: " + Message(brief_.allowed));
    if (!brief_.materials.ok())
      Grave("Populations and certificates are not what is directed: " + Message(brief_.materials));
    if (!brief_.repository_given)
      Grave("No Repository was at hand: nothing could be checked against it. Give --repository.");
    if (direction_.key == "contingency")
      Note("The first command discloses the Symmetric Key for good: this contingency pair can be directed once.");
    if (!brief_.key_certificate) Grave("The certificate of the key that shall be used could not be shown.");
  }

  void Reasons() {
    if (!brief_.runbook.ok())
      Grave("Which factors the PMA shall take into account cannot be told: " + Message(brief_.runbook));
    for (const BriefFactor& factor : brief_.factors) {
      if (factor.mandatory && factor.answer.empty())
        Grave(fmt::format("The mandatory factor {} has no answer: {}", factor.id, factor.question));
    }
    for (const BriefEarlier& earlier : brief_.earlier) {
      Note(fmt::format("{} still allows the use of the {} key until {}; with this one both do.",
                       earlier.use.direction.id, earlier.use.direction.key,
                       FormatTime(earlier.use.direction.not_after)));
    }
    if (!brief_.earlier_asked) Note("Nobody was asked which other Directions still allow a use of the key.");
    if (brief_.earlier_left_out > 0)
      Note(fmt::format("{} of other incidents could not be shown; what they allow is not known here.",
                       Count(brief_.earlier_left_out, "Direction")));
  }

  void Population(const BriefGroup& group) {
    const std::string& name = group.directed->name;
    if (!group.population_given) {
      Grave(fmt::format(
          "Group {}: no population file was given, so nobody here can say which Devices are meant. Give --population.",
          name));
    } else if (!group.population_equal) {
      Grave(fmt::format("Group {}: the population file is not the directed one.", name));
    } else if (brief_.repository_given && group.with_certificate < group.directed->population_count) {
      Note(fmt::format(
          "Group {}: {} of {} have no In-Use certificate in the Repository; their answers cannot be proven.", name,
          Count(group.directed->population_count - group.with_certificate),
          Count(group.directed->population_count, "Device")));
    }
  }

  void Cell(const BriefGroup& group, const BriefCell& cell) {
    const std::string where = fmt::format("Group {}, {}", group.directed->name, cell.cell);
    if (!cell.certificate) {
      Grave(where + ": the certificate could not be shown by anybody.");
      return;
    }
    const pki::Certificate& certificate = *cell.certificate;
    if (brief_.repository_given && !cell.repository.known) {
      Grave(where + ": the certificate is not in the Repository.");
    } else if (brief_.repository_given && !cell.repository.in_use) {
      Grave(where + ": the Repository does not hold the certificate as In-Use.");
    }
    if (!certificate.IsValidAt(inputs_.now)) {
      Grave(fmt::format("{}: the certificate is valid from {} to {}, not now.", where,
                        FormatTime(certificate.not_before), FormatTime(certificate.not_after)));
    }
    for (const pki::Certificate& old : cell.old) {
      if (*old.public_key == *certificate.public_key) {
        Grave(where +
              ": the new certificate carries the same key as the old one; a compromised key would stay in use.");
      }
    }
    if (cell.cell.rfind("recovery/", 0) == 0) Note(where + ": the Devices' own recovery cell is replaced.");
    if (cell.cell.rfind("root/", 0) == 0) Note(where + ": the Devices' root is replaced. There is no way back.");
  }

  // A mistake that looks harmless: one organisation's certificates for another's Devices.
  void Organisations() {
    std::map<std::string, std::set<Eui64>> of_role;
    for (const BriefGroup& group : brief_.groups) {
      for (const BriefCell& cell : group.cells) {
        if (!cell.certificate || !cell.certificate->subject_eui) continue;
        of_role[cell.cell.substr(0, cell.cell.find('/'))].insert(*cell.certificate->subject_eui);
      }
    }
    for (const auto& [role, organisations] : of_role) {
      if (organisations.size() < 2) continue;
      std::string names;
      for (const Eui64 eui : organisations) names += (names.empty() ? "" : ", ") + eui.ToString();
      Note(
          fmt::format("The groups get {} certificates of different organisations: {}. Check that each group is that "
                      "organisation's.",
                      role, names));
    }
  }

  void Limits() {
    const procedures::DirectionLimits& limits = direction_.limits;
    if (limits.total < brief_.devices) {
      Note(fmt::format("{} signatures in total are fewer than {}: not every Device can be sent a command.",
                       Count(limits.total), Count(brief_.devices, "Device")));
    }
    if (limits.total > brief_.devices * limits.attempts_per_device) {
      Grave(fmt::format("{} signatures in total are more than {} with {} attempts each could need.",
                        Count(limits.total), Count(brief_.devices, "Device"), limits.attempts_per_device));
    }
    if (limits.outstanding >= brief_.devices && brief_.devices > 100) {
      Note("limits.outstanding lets every Device be signed for before any has answered: there is no canary.");
    }
    if (direction_.not_after - direction_.not_before > kLongValidity) {
      Note(fmt::format("The validity is long: {} to {}.", FormatTime(direction_.not_before),
                       FormatTime(direction_.not_after)));
    }
    if (direction_.not_after < inputs_.now) Grave("The validity has ended; signing it now changes nothing.");
  }

  void Approvals() {
    for (const BriefApproval& approval : brief_.approvals) {
      if (!approval.fault.empty()) {
        Note(fmt::format("An approval{} does not count: {} {}", approval.person.empty() ? "" : " of " + approval.person,
                         approval.fault, approval.detail));
      } else if (approval.person == inputs_.reader) {
        Note("You have approved this Direction already.");
      }
    }
    for (const BriefRejection& rejection : brief_.rejections) {
      Note(rejection.fault.empty() ? fmt::format("{} has rejected this Direction: {}. Talk to them before you sign.",
                                                 rejection.person, rejection.reason)
                                   : fmt::format("A rejection in the name of {} is not proven to be theirs: {}",
                                                 rejection.person, rejection.fault));
    }
    if (inputs_.reader.empty()) return;
    if (inputs_.reader == direction_.requested_by)
      Grave("You requested this Direction: nobody approves what they requested.");
    const procedures::Person* reader = inputs_.policy->FindPerson(inputs_.reader);
    if (inputs_.policy->SeatOf(inputs_.reader) == nullptr) {
      Note(fmt::format("The trust policy gives {} no seat: your signature would not count.", inputs_.reader));
      return;
    }
    for (const BriefApproval& approval : brief_.approvals) {
      const procedures::Person* other = inputs_.policy->FindPerson(approval.person);
      if (!approval.fault.empty() || other == nullptr || reader == nullptr || other == reader) continue;
      if (inputs_.policy->one_vote_per_organisation && other->organisation == reader->organisation) {
        Note(fmt::format("{} of your organisation has approved already: your signature would not count.", other->id));
      } else if (inputs_.policy->SeatOf(other->id) == inputs_.policy->SeatOf(reader->id)) {
        Note(fmt::format("{} has approved for your seat already: your signature would not count.", other->id));
      }
    }
  }

  const BriefInputs& inputs_;
  Brief& brief_;
  const Direction& direction_;
};

}  // namespace

void AddWarnings(const BriefInputs& inputs, Brief& brief) {
  Checks(inputs, brief).Run();
}

}  // namespace smki::cli
