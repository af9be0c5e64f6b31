//! codeartifact.md 6.4: where a version is looked for, what is retained, what its status means.
//! The language is that of `table.rs` and `stage.rs`.

/// Rows that other tests run in all three ecosystems, with the source that they are in.
pub const ELSEWHERE: &[super::Elsewhere] = &[
    (
        "R2 R3",
        include_str!("../retention.rs"),
        "r2_r3_the_asked_and_the_connected_repository_retain_and_those_between_do_not",
    ),
    (
        "R5",
        include_str!("../retention.rs"),
        "r5_what_is_nowhere_is_not_there",
    ),
    (
        "R14 R15",
        include_str!("../retention.rs"),
        "r14_r15_with_the_registry_down_what_is_stored_is_read_and_what_is_not_fails",
    ),
];

pub const ROWS: &str = "
R1 [npm pypi maven] order my,A,C,D,E,B
repository my a b
repository a c d
repository b
repository c
repository d e
repository e
group /{e}/{ns}/x$ A/B/A
publish b x 1.0.1 as b -> taken
publish b x 1.0.2 as b -> taken
publish e x 1.0.2 as e -> taken
publish e x 1.0.3 as e -> taken
publish d x 1.0.3 as d -> taken
publish d x 1.0.4 as d -> taken
publish c x 1.0.4 as c -> taken
publish c x 1.0.5 as c -> taken
publish a x 1.0.5 as a -> taken
publish a x 1.0.6 as a -> taken
publish my x 1.0.6 as my -> taken
read my x 1.0.1 -> b
read my x 1.0.2 -> e
read my x 1.0.3 -> d
read my x 1.0.4 -> c
read my x 1.0.5 -> a
read my x 1.0.6 -> my
list my x -> 1.0.1 1.0.2 1.0.3 1.0.4 1.0.5 1.0.6

R1 [npm pypi maven] served from B, which alone has it
ours what is published here is not copied to who reads it: archiving it would then not take it away
repository my a b
repository a c d
repository b
repository c
repository d e
repository e
publish b x 1.0.0 -> taken
read my x 1.0.0 -> ours
list my x -> 1.0.0
repository my
repository a
read my x 1.0.0 -> 404
list my x -> nothing
read a x 1.0.0 -> 404

R4 [npm pypi maven] first listed upstream wins
repository my one two
repository yours two one
repository one
repository two
publish two x 1.0.0 as two -> taken
publish one x 1.0.0 as one -> taken
read my x 1.0.0 -> one
read yours x 1.0.0 -> two
list my x -> 1.0.0

R6 [npm pypi maven] not searched
repository r1 r2
repository r2 r3
repository r3 r4
repository r4 r5
repository r5 r6
repository r6 r7
repository r7 r8
repository r8 r9
repository r9 r10
repository r10 r11
repository r11 r12
repository r12 r13
repository r13 r14
repository r14 r15
repository r15 r16
repository r16 r17
repository r17 r18
repository r18 r19
repository r19 r20
repository r20 r21
repository r21 r22
repository r22 r23
repository r23 r24
repository r24 r25
repository r25 r26
repository r26 external
publish r26 x 1.0.0 -> taken
public y 1.0.0
read r1 x 1.0.0 -> 404
list r1 x -> nothing
read r1 y 1.0.0 -> 404, unasked
read r2 x 1.0.0 -> ours
read r2 y 1.0.0 -> outside

R7 [npm pypi maven] absent / 200
publish app x 1.0.0 -> taken
publish app x 1.1.0 -> taken
status app x 1.0.0 unlisted -> done
list app x -> 1.1.0
read app x 1.0.0 -> ours
status app x 1.0.0 published -> done
list app x -> 1.0.0 1.1.0

R8 [npm pypi maven] absent / 404 / refused
publish app x 1.0.0 -> taken
publish app x 1.1.0 -> taken
status app x 1.0.0 archived -> done
list app x -> 1.1.0
read app x 1.0.0 -> 404
publish app x 1.0.0 as other -> 409
list app x -> 1.1.0
status app x 1.0.0 published -> done
read app x 1.0.0 -> ours

R8 [npm pypi maven] refused, of the same bytes, too: nobody would see what was acknowledged
publish app x 1.0.0 -> taken
status app x 1.0.0 archived -> done
publish app x 1.0.0 -> 409 archived
read app x 1.0.0 -> 404

R9 [npm pypi maven] 404
repository a b
repository b
publish b x 1.0.0 -> taken
publish b x 1.1.0 -> taken
status b x 1.0.0 archived -> done
read a x 1.0.0 -> 404
list a x -> 1.1.0
read a x 1.1.0 -> ours

R10 [npm pypi maven] refused
publish app x 1.0.0 -> taken
status app x 1.0.0 disposed -> done
read app x 1.0.0 -> 404
status app x 1.0.0 published -> refused is disposed
status app x 1.0.0 archived -> refused is disposed
publish app x 1.0.0 as other -> 409
read app x 1.0.0 -> 404
list app x -> nothing

R10 [npm pypi maven] and its bytes, which are gone, are not taken again
publish app x 1.0.0 -> taken
status app x 1.0.0 disposed -> done
publish app x 1.0.0 -> 409 disposed
read app x 1.0.0 -> 404

R11 [npm pypi maven] allowed
publish app x 1.0.0 -> taken
status app x 1.0.0 deleted -> done
list app x -> nothing
publish app x 1.0.0 as other -> taken
read app x 1.0.0 -> other

R12 [npm] latest=1.0.1
ours the nearest wins: an outside latest is never put before an inside one (design.md 2)
repository near far
repository far
group /npm//x$ A/B/A
publish near x 1.0.0 -> taken
publish far x 1.0.1 -> taken
tags near x -> latest=1.0.0
list near x -> 1.0.0 1.0.1
tags far x -> latest=1.0.1

R13 [npm] both
repository near far
repository far
group /npm//x$ A/B/A
publish near x 1.0.0 -> taken
publish far x 1.0.1 tag alpha -> taken
tags near x -> alpha=1.0.1 latest=1.0.0

R16 [npm pypi maven] none copied: SKIPPED, NOT_FOUND
repository staging
repository prod
publish staging x 0.2.0 -> taken
copy staging prod x 0.2.0 5.6.7 -> refused nothing was copied: 5.6.7 is not there
read prod x 0.2.0 -> 404
list prod x -> nothing

R17 [npm pypi maven] success, not listed
ours the command says that it was there (design.md 5)
repository staging
repository prod
publish staging x 1.0.0 -> taken
publish prod x 1.0.0 -> taken
copy staging prod x 1.0.0 -> done was there
read prod x 1.0.0 -> ours

R18 [npm pypi maven] ALREADY_EXISTS
repository staging
repository prod
publish staging x 1.0.0 -> taken
publish prod x 1.0.0 as other -> taken
copy staging prod x 1.0.0 -> refused 1.0.0 has other files at the destination
read prod x 1.0.0 -> other

R19 [maven] Unfinished, not usable
publish app x 1.0.0 unannounced -> taken
list app x -> nothing
read app x 1.0.0 -> 404
publish app x 1.0.0 -> taken
list app x -> 1.0.0
read app x 1.0.0 -> ours

R20 [maven] 400
ours digits of either case are a checksum, as repositories hold them; 400 is for another one
publish app x 1.0.0 unannounced -> taken
checksum app x 1.0.0 right -> 201
checksum app x 1.0.0 upper -> 201
checksum app x 1.0.0 wrong -> 400

R21 [pypi] 406
publish app x 1.0.0 -> taken
public y 1.0.0
get /pypi/app/simple/x/ application/xml -> 406
get /pypi/app/simple/y/ application/xml -> 406

R22 [pypi] unsupported
ours the list of what is published here; nobody is asked
publish app x 1.0.0 -> taken
get /pypi/app/simple/ -> 200 >x</a>, unasked
";
