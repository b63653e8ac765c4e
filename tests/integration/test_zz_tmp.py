import json, os, time, pytest
from datetime import timedelta
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]="1"
from tests import cast
from tests.cast import MORNING
from enrollments.models import *
from enrollments.states import *
from dr_events.models import *
from dr_events.states import *
from playwright.sync_api import sync_playwright
pytestmark=pytest.mark.django_db(transaction=True)
OUT='/tmp/shots'; os.makedirs(OUT,exist_ok=True)
AXE=os.environ.get('AXE')
def test_shots(live_server, settings, tmp_path):
    f=tmp_path/'clock.json'; f.write_text(json.dumps({'real':time.time(),'sim':MORNING.timestamp(),'rate':60.0}))
    settings.SIMULATED_CLOCK_FILE=str(f)
    settings.ALLOWED_HOSTS=['*']
    p=cast.program(reward='$40 a season as a bill credit.', max_per_season=15)
    Terms.objects.create(program=p,version=2,published_at=MORNING,text="These are the terms of Summer Peak.\n\n1. What we may do. On an event day we may ask your system to use less.\n\n2. What you may do. You may leave at any time.\n\n"+"Long text follows here for the sake of reading. "*40)
    w=cast.program('Winter Morning', season_from='12-01', season_to='02-28', summary='We warm your home a little earlier on the coldest mornings, and then rest while everybody else gets up.', reward='$5 for each event')
    # home A: full
    s=cast.enrolled(p,'2319W004821','hanna@home.example',indoor_f=74.5,name='Downstairs')
    from people.models import User
    u=s.grant.user
    loc=s.location
    s2=System.objects.create(grant=s.grant,location=loc,serial='2319W004999',name='Upstairs bedrooms and study',brand='Bryant',model='SYSTXBBWEC01-B',has_outdoor_unit=True,is_online=False,dr_enabled=True,dr_settings={},unit='C',indoor_f=77,read_at=MORNING)
    Enrollment.objects.create(system=s2,program=p,enrolled_at=MORNING,changed_at=MORNING,state='PAUSED')
    ev=cast.scheduled(p)
    ev2=cast.scheduled(p,name='Heat wave Thursday',starts_at=MORNING+timedelta(days=2,hours=6),ends_at=MORNING+timedelta(days=2,hours=8),response='offset',offset_f=3,note='Thank you for helping your neighbors.')
    d=Dispatch.objects.filter(event=ev,system=s); d.update(delivery='CONFIRMED',participation='SCHEDULED')
    from psycopg.types.range import TimestamptzRange
    for i,(dl,pa,re_) in enumerate([('CONFIRMED','COMPLETED',''),('SKIPPED','OPTED_OUT_BEFORE','OPTED_OUT'),('CONFIRMED','OPTED_OUT_DURING',''),('CONFIRMED','UNREACHABLE',''),('REJECTED','UNKNOWN',''),('WITHHELD','UNKNOWN','CONTROL_GROUP'),('SKIPPED','UNKNOWN','WEEK_CAP'),('UNAUTHORIZED','UNKNOWN','')]):
        a=MORNING-timedelta(days=3+i)+timedelta(hours=6)
        e=Event.objects.create(program=p,name=f'Hot afternoon {i+1}',starts_at=a,ends_at=a+timedelta(hours=2),state='COMPLETED',created_by='x',created_at=a)
        Dispatch.objects.create(event=e,system=s,enrollment=s.enrollments.get(),window=TimestamptzRange(a,a+timedelta(hours=2)),delivery=dl,participation=pa,reason=re_,holds_slot=dl=='CONFIRMED',seen_active_at=a+timedelta(minutes=100) if pa=='COMPLETED' else None,opted_out_at=a+timedelta(minutes=20) if 'OPTED' in pa else None)
    en=s.enrollments.get()
    # homes in other steps
    h_new=cast.homeowner('new@home.example')
    h_con=cast.homeowner('con@home.example'); cast.agreement(h_con,p)
    h_rd=cast.homeowner('rd@home.example'); cast.agreement(h_rd,p); cast.grant(h_rd,synced_at=None,sync_due_at=MORNING)
    h_rd2=cast.homeowner('rd2@home.example'); cast.agreement(h_rd2,p); cast.grant(h_rd2,synced_at=None,sync_due_at=MORNING,sync_failures=2,sync_trouble='Carrier could not be reached')
    h_rl=cast.homeowner('rl@home.example'); cast.agreement(h_rl,p); cast.grant(h_rl,state='NEEDS_RELINK')
    h_ch=cast.homeowner('ch@home.example'); cast.agreement(h_ch,p); g=cast.grant(h_ch)
    for n,(ser,kw) in enumerate([('A1',{}),('A2',{'name':'Upstairs','indoor_f':75}),('A3',{'name':'Guest house','is_online':False}),('A4',{'name':'Workshop','dr_enabled':False}),('A5',{'name':'Office','has_outdoor_unit':False})]):
        cast.system(g,'2319W00'+ser+'77',**kw)
    h_bl=cast.homeowner('bl@home.example'); cast.agreement(h_bl,p); g=cast.grant(h_bl); cast.system(g,'2319W00B177',dr_enabled=None)
    op=cast.operator()
    from django.test import Client
    def cookie(user):
        c=Client(); c.force_login(user); return c.cookies[settings.SESSION_COOKIE_NAME].value
    pages=[(None,'landing','/'),(None,'program','/programs/summer-peak/'),(None,'login','/accounts/login/'),(None,'signup','/accounts/signup/'),(None,'callback400','/connect/callback/?state=a&code=b'),(None,'404','/nope/'),
     (h_new,'consent','/join/summer-peak/'),(h_new,'home_empty','/home/'),(h_con,'connect','/join/summer-peak/'),(h_con,'home_joining','/home/'),(h_rd,'reading','/join/summer-peak/'),(h_rd2,'reading_down','/join/summer-peak/'),(h_rl,'relink','/join/summer-peak/'),(h_ch,'choose','/join/summer-peak/'),(h_bl,'blocked','/join/summer-peak/'),(u,'done','/join/summer-peak/'),(u,'home','/home/'),
     (u,'optout_late',f'/home/events/{d.get().pk}/opt-out/'),(u,'optout',f'/home/events/{Dispatch.objects.get(event=ev2,system=s).pk}/opt-out/'),(u,'withdraw',f'/home/systems/{en.pk}/withdraw/'),(u,'email','/accounts/email/'),(u,'mfa','/accounts/2fa/'),(u,'pwchange','/accounts/password/change/'),(op,'403','/home/')]
    only=os.environ.get('ONLY','').split(',') if os.environ.get('ONLY') else None
    modes=os.environ.get('MODES','phone-light,desk-dark').split(',')
    with sync_playwright() as pw:
        b=pw.chromium.launch(executable_path='/usr/bin/chromium',args=['--no-sandbox','--disable-background-networking'])
        for mode in modes:
            size,scheme=mode.split('-')
            for who,name,url in pages:
                if only and name not in only: continue
                ctx=b.new_context(viewport={'width':390,'height':844} if size=='phone' else {'width':1440,'height':900},color_scheme=scheme,has_touch=size=='phone',java_script_enabled=True)
                if who: ctx.add_cookies([{'name':settings.SESSION_COOKIE_NAME,'value':cookie(who),'url':live_server.url}])
                pg=ctx.new_page(); errs=[]
                pg.on('console',lambda m:errs.append(m.text) if m.type in('error','warning') else None)
                pg.goto(live_server.url+url); 
                pg.wait_for_timeout(250)
                over=pg.evaluate('document.documentElement.scrollWidth-document.documentElement.clientWidth')
                h1=pg.evaluate('document.querySelectorAll("h1").length')
                small=pg.evaluate('''[...document.querySelectorAll("main button,main input:not([type=hidden]),main select,main .btn,header a,header summary")].filter(e=>e.getClientRects().length&&e.getBoundingClientRect().height<44&&!e.closest("label")).map(e=>e.outerHTML.slice(0,80))''')
                ax=''
                if AXE:
                    pg.evaluate(open(AXE).read())
                    r=pg.evaluate('axe.run({runOnly:["wcag2a","wcag2aa","wcag21aa","wcag22aa","best-practice"]})')
                    ax=[(v['id'],len(v['nodes']),v['nodes'][0]['html'][:120],v['nodes'][0]['failureSummary'][:160]) for v in r['violations']]
                print(mode,name,file=open(OUT+'/log','a'),*['over',over,'h1',h1,'small',small,'err',[e for e in errs if '404' not in e and '400' not in e and '403' not in e],ax])
                pg.screenshot(path=f'{OUT}/{name}-{mode}.png',full_page=True)
                ctx.close()
        b.close()
