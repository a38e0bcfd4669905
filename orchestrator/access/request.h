// What a person asks for, as the machine takes it and as their statement must say it.
#pragma once

#include "orchestrator/access/access.h"
#include "procedures/machine.h"
#include "smki/recovery/v1/recovery.pb.h"

namespace smki::orchestrator {

Status BadRequest(const std::string& detail);

// What a person says for the record, as it will stand there; empty if it is blank.
std::string SaidIn(const std::string& text);

// BAD_REQUEST if the verb is unknown, or nothing is said where something must be.
StatusOr<procedures::RequestBody> BodyOf(const recovery::v1::ActRequest& request, const std::string& person);

// Of `request` in `incident`.
ExpectedStatement StatementExpectedOf(const recovery::v1::ActRequest& request, const std::string& incident);

}  // namespace smki::orchestrator
