// An incident as a page for people, and as JSON for scripts. Pure: from the view and who is reading it.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/text.h"
#include "procedures/policy.h"
#include "smki/recovery/v1/recovery.pb.h"

namespace smki::cli {

// Who reads the page. `entry` may be null: nobody the policy knows.
struct Reader {
  const procedures::TrustPolicy* policy = nullptr;
  const procedures::Person* entry = nullptr;
  bool MayAct(const recovery::v1::StepView& step) const;
  bool IsChair() const { return policy != nullptr && entry != nullptr && policy->chair == entry->id; }
};

// A command on one line, however long: wrapped it could not be pasted.
std::string ToPaste(const char* label, const std::string& command);

// True if something can be done about the step now: ready, running or failed.
bool IsCurrent(const recovery::v1::StepView& step);
// The command with which `reader` moves a step of `view` on, empty if it is not theirs or the system does it. It names
// incident and sequence of this page: whoever types it later, when something has changed, is refused as STALE_PAGE
// (I4).
std::string CommandFor(const recovery::v1::IncidentView& view, const recovery::v1::StepView& step,
                       const Reader& reader);
// What is being waited for when there is no command: "the system does this by itself", "another person must act: ...".
std::string WaitingFor(const recovery::v1::StepView& step, const Reader& reader);

// The whole incident: head, steps by phase, what is next in a line.
std::string StatusText(const recovery::v1::IncidentView& view, const Reader& reader, const Style& style);
// Only what can be done now: what, why, who, how, how to verify, the command. Steps of the reader first.
std::string NextText(const recovery::v1::IncidentView& view, const Reader& reader, const Style& style);
// "recovered 640 of 1,000, half-replaced 0, ..." on one line.
std::string ProgressLine(const recovery::v1::CampaignProgress& progress);

Json StatusJson(const recovery::v1::IncidentView& view);
Json NextJson(const recovery::v1::IncidentView& view, const Reader& reader);
Json ProgressJson(const recovery::v1::CampaignProgress& progress);

// Every incident, a line each.
std::string ListText(const recovery::v1::ListIncidentsResponse& list, const Style& style);
Json ListJson(const recovery::v1::ListIncidentsResponse& list);

}  // namespace smki::cli
